//! Text of a YAML 1.2 file to a tree with line numbers. Size, depth and the growth by aliases are bounded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle};

/// The largest file that is read, in bytes. GitHub takes none that is larger.
pub const LARGEST: usize = 512 * 1024;
/// The deepest nesting.
const DEEPEST: usize = 64;
/// The most nodes of a file, each alias counted with all that it stands for.
const MOST_NODES: usize = 100_000;

/// Why a file cannot be used. Its text names the file and the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {why}")]
pub struct Unreadable {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub why: String,
}

/// One node, shared by its aliases.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub content: Arc<Content>,
    /// Where it begins, counted from 1.
    pub line: usize,
    column: usize,
    /// How many nodes it is, with those below it.
    size: usize,
}

#[derive(Debug)]
pub(crate) enum Content {
    Scalar {
        text: String,
        /// Written without quotes: `true` is a boolean then.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file. No key stands twice.
    Map(Vec<(MapKey, Node)>),
}

#[derive(Debug)]
pub(crate) struct MapKey {
    pub text: String,
    pub line: usize,
    /// How far in it stands, counted from 0.
    pub column: usize,
}

impl Node {
    fn new(content: Content, (line, column): (usize, usize), size: usize) -> Self {
        Self { content: Arc::new(content), line, column, size }
    }

    /// The value of a key. `None` too if this is no map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&MapKey, &Node)> {
        let entries: &[(MapKey, Node)] = match &*self.content {
            Content::Map(entries) => entries,
            Content::Scalar { .. } | Content::List(_) => &[],
        };
        entries.iter().map(|(key, node)| (key, node))
    }

    pub fn items(&self) -> &[Node] {
        match &*self.content {
            Content::List(items) => items,
            Content::Scalar { .. } | Content::Map(_) => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &*self.content {
            Content::Scalar { text, .. } => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    pub fn is_map(&self) -> bool {
        matches!(&*self.content, Content::Map(_))
    }

    /// The texts of a list, or the one text that stands for it.
    pub fn texts(&self) -> Vec<String> {
        match self.text() {
            Some(text) => vec![text.to_owned()],
            None => self.items().iter().filter_map(Node::text).map(str::to_owned).collect(),
        }
    }

    /// `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        match &*self.content {
            Content::Scalar { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Content::List(_) | Content::Map(_) => false,
        }
    }

    pub fn boolean(&self) -> Option<bool> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

/// Reads the first document of a file; `file` is what errors call it.
///
/// # Errors
/// When it is too large, too deep, no YAML, or has a key twice.
pub(crate) fn parse(text: &str, file: &str) -> Result<Node, Unreadable> {
    let mut reader = TreeReader { file, open: Vec::new(), anchors: HashMap::new(), nodes: 0 };
    if text.len() > LARGEST {
        return Err(reader.wrong(1, format!("is larger than {} KiB", LARGEST / 1024)));
    }
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| reader.wrong(error.marker().line(), error.info()))?;
        if let Some(root) = reader.take(event, (span.start.line(), span.start.col()))? {
            return Ok(root);
        }
    }
    Err(reader.wrong(1, "is empty".into()))
}

/// A list or map whose end was not read yet.
struct OpenNode {
    anchor: usize,
    at: (usize, usize),
    size: usize,
    parts: OpenParts,
}

enum OpenParts {
    List(Vec<Node>),
    Map { entries: Vec<(MapKey, Node)>, names: HashSet<String>, key: Option<MapKey> },
}

struct TreeReader<'a> {
    file: &'a str,
    open: Vec<OpenNode>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl TreeReader<'_> {
    fn wrong(&self, line: usize, why: String) -> Unreadable {
        Unreadable { file: self.file.to_owned(), line: line.max(1), why }
    }

    /// Takes one event. Returns the root once it is whole.
    fn take(&mut self, event: Event<'_>, at: (usize, usize)) -> Result<Option<Node>, Unreadable> {
        let (line, mut counted) = (at.0, 1);
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let content = Content::Scalar { text: text.into_owned(), plain };
                (Node::new(content, at, 1), anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                return self.begin(anchor, at, OpenParts::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, _) => {
                let parts =
                    OpenParts::Map { entries: Vec::new(), names: HashSet::new(), key: None };
                return self.begin(anchor, at, parts);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(OpenNode { anchor, at, size, parts }) => {
                    let content = match parts {
                        OpenParts::List(items) => Content::List(items),
                        OpenParts::Map { entries, .. } => Content::Map(entries),
                    };
                    (Node::new(content, at, size), anchor)
                }
                None => return Ok(None),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    counted = node.size;
                    (Node { line, ..node.clone() }, 0)
                }
                None => return Err(self.wrong(line, "an alias stands inside of itself".into())),
            },
            _ => return Ok(None),
        };
        self.nodes = self.nodes.saturating_add(counted);
        if self.nodes > MOST_NODES {
            return Err(self.wrong(line, format!("has more than {MOST_NODES} values")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.add(node)
    }

    fn begin(
        &mut self,
        anchor: usize,
        at: (usize, usize),
        parts: OpenParts,
    ) -> Result<Option<Node>, Unreadable> {
        if self.open.len() >= DEEPEST {
            return Err(self.wrong(at.0, format!("is nested deeper than {DEEPEST} levels")));
        }
        self.open.push(OpenNode { anchor, at, size: 1, parts });
        Ok(None)
    }

    /// Puts a whole node into the list or map that is open, or returns it as the root.
    fn add(&mut self, node: Node) -> Result<Option<Node>, Unreadable> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        open.size = open.size.saturating_add(node.size);
        match &mut open.parts {
            OpenParts::List(items) => items.push(node),
            OpenParts::Map { entries, names, key } => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                    return Ok(None);
                }
                let (line, column) = (node.line, node.column);
                let Some(text) = node.text().map(str::to_owned) else {
                    return Err(self.wrong(line, "a key is no text".into()));
                };
                if !names.insert(text.clone()) {
                    let shown: String = text.chars().take(40).collect();
                    return Err(self.wrong(line, format!("the key {shown:?} stands twice")));
                }
                *key = Some(MapKey { text, line, column });
            }
        }
        Ok(None)
    }
}
