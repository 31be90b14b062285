//! Rust source as words and marks: enough to say who names whom, and what stands in a string.

/// A word, a mark or a string of a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word(String),
    /// The inside of a string literal.
    Text(String),
    /// Punctuation: `::`, `=>`, or one character.
    Mark(String),
}

/// A word, a mark or a string, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// From 1.
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            Kind::Text(_) | Kind::Mark(_) => None,
        }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        match &self.kind {
            Kind::Word(own) | Kind::Mark(own) => own == text,
            Kind::Text(_) => false,
        }
    }
}

/// The tokens that are built into the product: without comments, and without items under `#[cfg(test)]`.
pub(crate) fn product(text: &str) -> Vec<Token> {
    without_tests(&tokens(text))
}

fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { rest: text, line: 1, found: Vec::new() };
    while reader.step() {}
    reader.found
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.take(comment_len(self.rest));
        } else if let Some((open, hashes)) = string_start(self.rest) {
            self.string(open, hashes);
        } else if first == '\'' {
            self.take(char_len(self.rest));
        } else if is_word(first) {
            let len = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            let word = self.rest[..len].to_owned();
            self.push(Kind::Word(word), len);
        } else if first.is_whitespace() {
            self.take(first.len_utf8());
        } else {
            let two = ["::", "=>"].into_iter().find(|two| self.rest.starts_with(two));
            let len = two.map_or(first.len_utf8(), str::len);
            let mark = self.rest[..len].to_owned();
            self.push(Kind::Mark(mark), len);
        }
        true
    }

    fn string(&mut self, open: usize, hashes: Option<usize>) {
        let inside = &self.rest[open..];
        let (len, close) = match hashes {
            Some(hashes) => {
                let end = format!("\"{}", "#".repeat(hashes));
                (inside.find(&end).unwrap_or(inside.len()), end.len())
            }
            None => (quoted_len(inside), 1),
        };
        let text = inside[..len].to_owned();
        self.push(Kind::Text(text), (open + len + close).min(self.rest.len()));
    }

    fn push(&mut self, kind: Kind, len: usize) {
        self.found.push(Token { kind, line: self.line });
        self.take(len);
    }

    fn take(&mut self, len: usize) {
        self.line += self.rest[..len].matches('\n').count();
        self.rest = &self.rest[len..];
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// How long the opening of a string literal is, and the number of `#` if it is a raw one.
fn string_start(text: &str) -> Option<(usize, Option<usize>)> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| text.starts_with(prefix))?;
    let after = &text[prefix.len()..];
    let hashes = after.chars().take_while(|c| *c == '#').count();
    let raw = prefix.ends_with('r');
    let opens = after[hashes..].starts_with('"') && (raw || hashes == 0);
    opens.then(|| (prefix.len() + hashes + 1, raw.then_some(hashes)))
}

/// How much of a text stands before the quote that ends it.
fn quoted_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A character literal whole, or the tick of a lifetime.
fn char_len(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        (Some(_) | None, Some(_) | None) => 1,
    }
}

fn comment_len(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if text[at..].starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut at) = (Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        let head = tokens.get(at..at + CFG_TEST.len()).unwrap_or_default();
        if !head.is_empty() && head.iter().zip(CFG_TEST).all(|(token, text)| token.is(text)) {
            at = item_end(tokens, at + CFG_TEST.len());
        } else {
            kept.push(token.clone());
            at += 1;
        }
    }
    kept
}

/// Where the item, variant or field that begins here is over: after its `;`, its `,` or its last brace.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        let Kind::Mark(mark) = &token.kind else { continue };
        match mark.as_str() {
            "{" | "(" | "[" | "<" => depth += 1,
            ")" | "]" | ">" => depth = depth.saturating_sub(1),
            // It closes what holds the item: the item was the last in it.
            "}" if depth == 0 => return at,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" | "," if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[test]
fn comments_strings_and_tests_are_told_apart() {
    let text = r##"
        // crate::comment
        /* /* crate::nested */ */
        const A: &str = "a \" crate::text";
        const B: &str = r#"raw "text""#;
        fn c<'a>(x: &'a str) -> char { '"' }
        enum D { #[cfg(test)] Never, Kept }
        #[cfg(test)]
        mod tests { use crate::tested; }
        #[cfg(test)]
        mod more;
        fn last() -> u8 { '\'' ; b'{' }
    "##;
    let found = product(text);
    let words: Vec<_> = found.iter().filter_map(Token::word).collect();
    for gone in ["comment", "nested", "text", "Never", "tested", "more", "mod"] {
        assert!(!words.contains(&gone), "{gone} in {words:?}");
    }
    assert!(words.contains(&"Kept") && words.contains(&"last"), "{words:?}");
    let texts: Vec<_> = found.iter().filter(|token| matches!(token.kind, Kind::Text(_))).collect();
    assert_eq!(texts[0].kind, Kind::Text("a \\\" crate::text".to_owned()));
    assert_eq!(texts[1].kind, Kind::Text("raw \"text\"".to_owned()));
    assert_eq!(found.last().map(|token| token.line), Some(12), "lines are counted");
}
