//! The fields whose names are looked for, counted in one walk over the header.

use crate::field::Field;

/// A name that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Date,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    MessageId,
    InReplyTo,
    References,
    Subject,
    MimeVersion,
    ContentType,
    TransferEncoding,
    // From here on, names that may stand more than once.
    Received,
    DkimSignature,
    AutoSubmitted,
    Precedence,
}

/// How each is written, in the order of [`Known`].
const NAMES: [(Known, &str); 18] = [
    (Known::Date, "Date"),
    (Known::From, "From"),
    (Known::Sender, "Sender"),
    (Known::ReplyTo, "Reply-To"),
    (Known::To, "To"),
    (Known::Cc, "Cc"),
    (Known::Bcc, "Bcc"),
    (Known::MessageId, "Message-ID"),
    (Known::InReplyTo, "In-Reply-To"),
    (Known::References, "References"),
    (Known::Subject, "Subject"),
    (Known::MimeVersion, "MIME-Version"),
    (Known::ContentType, "Content-Type"),
    (Known::TransferEncoding, "Content-Transfer-Encoding"),
    (Known::Received, "Received"),
    (Known::DkimSignature, "DKIM-Signature"),
    (Known::AutoSubmitted, "Auto-Submitted"),
    (Known::Precedence, "Precedence"),
];
/// So many of them stand once at most (RFC 5322 §3.6, RFC 2045 §3).
const SINGLE: usize = Known::Received as usize;

impl Known {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, name)| *name)
    }
}

/// Of each known name, how many fields have it, and the first that does.
pub(crate) struct Census<'a, 'b> {
    found: [(usize, Option<&'b Field<'a>>); NAMES.len()],
}

impl<'a, 'b> Census<'a, 'b> {
    pub(crate) fn of(fields: &'b [Field<'a>]) -> Self {
        let mut found = [(0, None); NAMES.len()];
        for field in fields {
            let known = NAMES.iter().position(|(_, name)| field.is(name));
            if let Some((count, first)) = known.and_then(|known| found.get_mut(known)) {
                *count += 1;
                first.get_or_insert(field);
            }
        }
        Self { found }
    }

    pub(crate) fn count(&self, name: Known) -> usize {
        self.found.get(name as usize).map_or(0, |(count, _)| *count)
    }

    pub(crate) fn first(&self, name: Known) -> Option<&'b Field<'a>> {
        self.found.get(name as usize).and_then(|(_, first)| *first)
    }

    /// The names that stand more than once and may not.
    pub(crate) fn duplicates(&self) -> Vec<&'static str> {
        let single = NAMES.iter().zip(&self.found).take(SINGLE);
        let twice = single.filter(|(_, (count, _))| *count > 1);
        twice.map(|((_, name), _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::fields;

    #[test]
    fn each_name_stands_at_its_place() {
        for (place, (known, name)) in NAMES.into_iter().enumerate() {
            assert_eq!((known as usize, known.name()), (place, name));
        }
    }

    #[test]
    fn fields_are_counted_and_the_first_of_each_is_kept() {
        let block = b"Received: a\r\nsubject: one\r\nX: y\r\nSUBJECT: two\r\nReceived: b\r\n";
        let all: Vec<_> = fields(block).collect();
        let census = Census::of(&all);
        assert_eq!((census.count(Known::Received), census.count(Known::Date)), (2, 0));
        assert_eq!(census.first(Known::Subject).unwrap().unfolded(), "one");
        assert_eq!(census.duplicates(), ["Subject"], "Received may stand twice");
    }
}
