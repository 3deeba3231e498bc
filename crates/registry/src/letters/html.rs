//! Plain text as HTML: paragraphs and links, and nothing that a reader has to trust.

/// The same as HTML, to stand in a page.
pub(super) fn of(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
    {
        html.push_str("<p>");
        for (number, line) in paragraph.lines().enumerate() {
            if number > 0 {
                html.push_str("<br>\n");
            }
            put_line(line, &mut html);
        }
        html.push_str("</p>\n");
    }
    html
}

/// A line; one that is a link can be followed.
fn put_line(line: &str, html: &mut String) {
    let is_link = line.starts_with("https://") && !line.contains(char::is_whitespace);
    if !is_link {
        return escape(line, html);
    }
    html.push_str("<a href=\"");
    escape(line, html);
    html.push_str("\">");
    escape(line, html);
    html.push_str("</a>");
}

fn escape(text: &str, html: &mut String) {
    for char in text.chars() {
        match char {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}
