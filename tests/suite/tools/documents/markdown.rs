//! What a Markdown file holds: fenced blocks, code spans, links, headings.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// One document.
pub struct Document {
    /// Relative to the root of the repository.
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block.
#[derive(Debug, PartialEq)]
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Document {
    pub fn read(root: &Path, path: PathBuf) -> Self {
        let text = std::fs::read_to_string(root.join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// A document that a test makes up, at the root of the repository.
    pub fn planted(text: &str) -> Self {
        Self { path: "planted.md".into(), text: text.into() }
    }

    /// The folder that relative links start from.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut inside = false;
        for line in self.text.lines() {
            match line.trim_start().strip_prefix("```") {
                Some(_) if inside => inside = false,
                Some(language) => {
                    inside = true;
                    blocks.push(Block { language: language.trim().into(), text: String::new() });
                }
                None if inside => {
                    let block = blocks.last_mut().expect("a block was opened");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        blocks
    }

    /// The text without its fenced blocks.
    pub fn prose(&self) -> String {
        let mut inside = false;
        let outside = self.text.lines().filter(|line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        });
        outside.fold(String::new(), |text, line| text + line + "\n")
    }

    /// The code spans of the prose.
    pub fn spans(&self) -> Vec<String> {
        split_spans(&self.prose()).1
    }

    /// The targets of links and images.
    pub fn links(&self) -> Vec<String> {
        let (text, _) = split_spans(&self.prose());
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.map(str::to_owned).collect()
    }

    /// The anchors of the headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let prose = self.prose();
        let titles = prose.lines().filter_map(|line| {
            let title = line.trim_start_matches('#');
            (line.starts_with('#') && title.starts_with(' ')).then(|| title.trim())
        });
        titles
            .map(|title| {
                let anchor = anchor(title);
                let count = seen.entry(anchor.clone()).or_default();
                *count += 1;
                if *count > 1 { format!("{anchor}-{}", *count - 1) } else { anchor }
            })
            .collect()
    }
}

/// Lower case, spaces to dashes, punctuation dropped; of a link its text alone.
fn anchor(title: &str) -> String {
    let mut text = title.to_owned();
    while let Some((before, rest)) = text.split_once("](") {
        let after = rest.split_once(')').map_or("", |(_, after)| after);
        text = format!("{before}{after}");
    }
    let kept = text.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// The text without its code spans, and those.
fn split_spans(prose: &str) -> (String, Vec<String>) {
    let (mut text, mut spans, mut rest) = (String::new(), Vec::new(), prose);
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let fence = "`".repeat(ticks);
        let (before, after) = (&rest[..start], &rest[start + ticks..]);
        text.push_str(before);
        let Some(end) = after.find(&fence) else {
            text.push_str(&fence);
            rest = after;
            continue;
        };
        spans.push(after[..end].trim().to_owned());
        rest = &after[end + ticks..];
    }
    (text + rest, spans)
}

#[test]
fn a_document_is_taken_apart_as_github_does() {
    let text =
        "# A `b`: c's\nSee [x](y.md#z), `a ](b)`, ``e`f``.\n```sh\n# no heading [no](link)\n```\n# A b cs\n";
    let document = Document::planted(text);

    assert_eq!(document.links(), ["y.md#z"]);
    assert_eq!(document.spans(), ["b", "a ](b)", "e`f"]);
    assert_eq!(document.anchors(), ["a-b-cs", "a-b-cs-1"]);
    assert_eq!(
        document.blocks(),
        [Block { language: "sh".into(), text: "# no heading [no](link)\n".into() }]
    );
}
