//! A disk that keeps exactly what it promised, and may forget the rest.
