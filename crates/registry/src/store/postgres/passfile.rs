//! Passwords as PostgreSQL's own programs keep them: lines of `host:port:database:user:password`, `*` for any.

use zeroize::Zeroizing;

/// The password of the first line that fits.
pub(super) fn password(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<Zeroizing<String>> {
    let port = port.to_string();
    let wanted = [host, &port, database, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line).into_iter();
        let fits = wanted.iter().all(|wanted| {
            let field = fields.next();
            field.is_some_and(|field| field.as_str() == "*" || field.as_str() == *wanted)
        });
        fields.next().filter(|_| fits)
    })
}

/// Parted by colons; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<Zeroizing<String>> {
    let mut fields = vec![Zeroizing::new(String::new())];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let taken = match character {
            ':' if fields.len() < 5 => {
                fields.push(Zeroizing::new(String::new()));
                continue;
            }
            '\\' => characters.next(),
            other => Some(other),
        };
        if let (Some(field), Some(taken)) = (fields.last_mut(), taken) {
            field.push(taken);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_says_the_password() {
        let text = "# a remark:5432:*:*:no\nother:5432:registry:gate:one\nlocalhost:*:registry:gate:t\\:w\\\\o\n*:*:*:*:any:thing\n";
        let found = |host, port| password(text, host, port, "registry", "gate").map(|found| found.to_string());
        assert_eq!(found("other", 5432).as_deref(), Some("one"));
        assert_eq!(found("localhost", 7).as_deref(), Some("t:w\\o"));
        assert_eq!(found("third", 7).as_deref(), Some("any:thing"));
        assert!(password("a:b", "a", 1, "b", "c").is_none());
        assert!(password("", "a", 1, "b", "c").is_none());
    }
}
