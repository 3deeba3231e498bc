//! The arguments of AUTH, and base64.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::Fault;
use mail::{Mechanism, Mechanisms};

/// Devices forget the padding; nothing else is forgiven.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// What AUTH asked for. There is no `Debug`: the initial response is a secret.
pub(crate) struct AuthArguments {
    pub(crate) mechanism: Mechanism,
    pub(crate) initial: Option<Vec<u8>>,
}

/// `AUTH mechanism [initial-response]` (RFC 4954 §4). Mechanisms are read whatever their case.
pub(crate) fn auth_arguments(arguments: &str, offered: Mechanisms) -> Result<AuthArguments, Fault> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let name = words.next().ok_or(Fault::Arguments("AUTH names a mechanism"))?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(Fault::Arguments(
            "AUTH takes a mechanism and at most one initial response",
        ));
    }
    let mechanism = offered
        .iter()
        .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
        .ok_or(Fault::UnknownMechanism)?;
    let initial = match initial {
        // A response of no octets, as against no response.
        Some("=") => Some(Vec::new()),
        Some(text) => Some(decode_base64(text.as_bytes())?),
        None => None,
    };
    Ok(AuthArguments { mechanism, initial })
}

/// Reads base64; trailing blanks are forgiven, an empty text is an empty response.
pub(crate) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, Fault> {
    BASE64.decode(text.trim_ascii_end()).map_err(|_| Fault::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Mechanisms = Mechanisms::NONE.with(Mechanism::Plain).with(Mechanism::Login);

    fn fault(arguments: &str) -> Fault {
        auth_arguments(arguments, BOTH).err().unwrap()
    }

    #[test]
    fn the_forms_of_devices_are_read() {
        let login = auth_arguments("login  dXNlcg==", BOTH).ok().unwrap();
        assert_eq!(
            (login.mechanism, login.initial),
            (Mechanism::Login, Some(b"user".to_vec()))
        );
        assert_eq!(
            auth_arguments("LOGIN dXNlcg", BOTH).ok().unwrap().initial.unwrap(),
            b"user"
        );
        assert_eq!(auth_arguments("PLAIN =", BOTH).ok().unwrap().initial, Some(Vec::new()));
        assert_eq!(auth_arguments("PLAIN", BOTH).ok().unwrap().initial, None);
    }

    #[test]
    fn other_forms_are_faults() {
        assert_eq!(fault("CRAM-MD5"), Fault::UnknownMechanism);
        assert_eq!(
            fault("PLAIN a b"),
            Fault::Arguments("AUTH takes a mechanism and at most one initial response")
        );
        assert_eq!(fault("PLAIN d?Nl"), Fault::Base64);
        assert!(matches!(fault(""), Fault::Arguments(_)));
        assert!(auth_arguments("LOGIN", Mechanisms::NONE.with(Mechanism::Plain)).is_err());
    }
}
