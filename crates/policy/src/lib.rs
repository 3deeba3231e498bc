//! Judgement: who may send what to whom, and why.
