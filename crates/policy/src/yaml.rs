//! YAML to JSON values, remembering where every node stood.

use crate::path::Path;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, NonFiniteFloatPolicy, Spanned};
use std::{collections::BTreeMap, fmt};

/// Line and column, from 1.
pub(crate) type Position = (u64, u64);

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Yaml {
    /// What it says.
    pub(crate) value: Value,
    /// Where each node stands: a field at its name, an element at its first character.
    positions: BTreeMap<Path, Position>,
}

impl Yaml {
    /// Where a node stands; of one that is not there, where its nearest existing ancestor does.
    pub(crate) fn position(&self, path: &Path) -> Position {
        let mut path = path.clone();
        loop {
            if let Some(position) = self.positions.get(&path) {
                return *position;
            }
            match path.parent() {
                Some(parent) => path = parent,
                None => return (1, 1),
            }
        }
    }
}

/// A text that is no YAML.
#[derive(Debug)]
pub(crate) struct NotYaml {
    /// Where reading stopped.
    pub(crate) position: Position,
    /// What the parser says.
    pub(crate) what: String,
    /// How to mend it; empty where the parser does not know.
    pub(crate) mend: &'static str,
}

/// A policy nests 9 deep, what a cluster adds about 15. A level takes up to 40 KB of stack, of which a thread may have 2 MB.
const DEEPEST: usize = 24;

/// Reads every document of a text. Empty documents are left out.
pub(crate) fn documents(text: &str) -> Result<Vec<Yaml>, NotYaml> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        leading_zero_numbers_as_strings: true,
        // No field takes such a text, so it is refused by its field's name.
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
    };
    let roots: Vec<Spanned<Node>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| not_yaml(&error))?;
    let document = |root: Spanned<Node>| {
        let mut positions = BTreeMap::from([(Path::default(), position(root.referenced))]);
        let value = place(root.value, &Path::default(), &mut positions);
        Yaml { value, positions }
    };
    Ok(roots.into_iter().map(document).collect())
}

fn not_yaml(error: &Error) -> NotYaml {
    let plain = error.without_snippet();
    let (what, mend) = match plain {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            (format!("{key:?} is given twice"), "keep one")
        }
        other => {
            // The parser's words end with a place, which stands in front of ours.
            let words = other.to_string();
            let end = words.find(" at line ").unwrap_or(words.len());
            (format!("this is not YAML: {}", &words[..end]), "")
        }
    };
    NotYaml {
        position: plain.location().map_or((1, 1), position),
        what,
        mend,
    }
}

fn position(location: Location) -> Position {
    (location.line().max(1), location.column().max(1))
}

/// The JSON value of a node; notes where the nodes below `path` stand.
fn place(node: Node, path: &Path, positions: &mut BTreeMap<Path, Position>) -> Value {
    match node {
        Node::Scalar(value) => value,
        Node::List(elements) => elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| {
                let path = path.index(index);
                positions.insert(path.clone(), position(element.referenced));
                place(element.value, &path, positions)
            })
            .collect(),
        Node::Mapping(entries) => {
            let mut map = Map::new();
            for (key, entry) in entries {
                let path = path.field(&key.value);
                positions.insert(path.clone(), position(key.referenced));
                map.insert(key.value, place(entry.value, &path, positions));
            }
            Value::Object(map)
        }
    }
}

/// What a YAML node holds.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Mapping(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML that JSON can express")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value)
            .ok_or_else(|| E::custom(format_args!("{value} is not a number a policy can hold")))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}
