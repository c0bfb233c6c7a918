//! Enough of the shell's grammar to tell the commands of a document apart.

/// One simple command: assignments in front, then words, quotes taken off. The end of a subshell is the command `)`.
#[derive(Debug, Default, PartialEq)]
pub struct Simple {
    pub assignments: Vec<(String, String)>,
    pub words: Vec<String>,
}

/// The commands of a script, in order; those inside `$(…)` are part of a word.
pub fn commands(script: &str) -> Vec<Simple> {
    let mut found = vec![Simple::default()];
    for token in (Reader { rest: script }) {
        match token {
            Token::End => found.push(Simple::default()),
            Token::Leave => {
                found.push(Simple { words: vec![")".into()], ..Simple::default() });
                found.push(Simple::default());
            }
            Token::Word(word) => {
                let command = found.last_mut().expect("it is never empty");
                match assignment(&word) {
                    Some(pair) if command.words.is_empty() => command.assignments.push(pair),
                    _ => command.words.push(word),
                }
            }
        }
    }
    found.retain(|command| !command.words.is_empty());
    found
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let named =
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    named.then(|| (name.to_owned(), value.to_owned()))
}

enum Token {
    Word(String),
    End,
    Leave,
}

struct Reader<'a> {
    rest: &'a str,
}

impl Iterator for Reader<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
                continue;
            }
            let first = self.rest.chars().next()?;
            match first {
                '#' => self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]),
                ')' => {
                    self.rest = &self.rest[1..];
                    return Some(Token::Leave);
                }
                '\n' | ';' | '&' | '|' | '(' => {
                    self.rest = &self.rest[1..];
                    return Some(Token::End);
                }
                _ => return Some(Token::Word(self.word())),
            }
        }
    }
}

impl Reader<'_> {
    fn word(&mut self) -> String {
        let (mut word, mut depth, mut quote) = (String::new(), 0_usize, None);
        let mut end = self.rest.len();
        for (at, letter) in self.rest.char_indices() {
            match (quote, letter) {
                (Some(open), letter) if letter == open => {
                    quote = None;
                    if depth > 0 {
                        word.push(letter);
                    }
                }
                (None, '\'' | '"') => {
                    quote = Some(letter);
                    if depth > 0 {
                        word.push(letter);
                    }
                }
                (None, '(') if word.ends_with('$') || depth > 0 => {
                    depth += 1;
                    word.push(letter);
                }
                (None, ')') if depth > 0 => {
                    depth -= 1;
                    word.push(letter);
                }
                (None, ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')') if depth == 0 => {
                    end = at;
                    break;
                }
                _ => word.push(letter),
            }
        }
        self.rest = &self.rest[end..];
        word
    }
}

#[test]
fn a_script_falls_into_commands() {
    let words = |script: &str| commands(script).into_iter().map(|one| one.words).collect::<Vec<_>>();

    assert_eq!(words("make run # serves\nmake test"), [["make", "run"], ["make", "test"]]);
    assert_eq!(words("cd a && b \"c d\" 'e f' | g"), [vec!["cd", "a"], vec!["b", "c d", "e f"], vec!["g"]]);
    assert_eq!(words("a $(b -v '^#' c) \\\n  d"), [["a", "$(b -v '^#' c)", "d"]]);
    assert_eq!(words("(cd a && b); c"), [vec!["cd", "a"], vec!["b"], vec![")"], vec!["c"]]);
    let command = &commands("A=1 make run ARGS=\"--tls self-signed\"")[0];
    assert_eq!(command.assignments, [("A".to_owned(), "1".to_owned())]);
    assert_eq!(command.words, ["make", "run", "ARGS=--tls self-signed"]);
}
