//! Pictures of a graph, with data and gradient on each node and local gradients on each edge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use crate::backward::Grads;
use crate::operation::Operation;
use crate::scalar::Scalar;
use crate::value::Value;

#[cfg(feature = "svg")]
mod svg;

/// The most nodes that a [`Drawing`] has unless told otherwise: nobody can read a larger one.
pub const DRAWN_NODES_MAX: usize = 200;

/// A drawing has at most this many edges a node: `x.dot(x)` has two edges for each of its terms.
const EDGES_PER_NODE_MAX: usize = 4;

/// The graph of one value, to be drawn: everything that it was made from.
///
/// ```
/// use scalar_autograd::{Drawing, Tape};
///
/// let tape = Tape::<f64>::new();
/// let w = tape.value(2.0);
/// let loss = w * 3.0 + w * 5.0;
/// let grads = loss.backward();
/// let dot = Drawing::new(loss).name(w, "w").name(loss, "loss").grads(&grads).to_dot()?;
/// assert!(dot.contains(r#"label="w\ndata 2\ngrad 8""#));
/// # Ok::<(), scalar_autograd::DrawingError>(())
/// ```
#[derive(Debug)]
pub struct Drawing<'t, 'g, T: Scalar> {
    output: Value<'t, T>,
    names: BTreeMap<usize, String>,
    grads: Option<&'g Grads<'t, T>>,
    nodes_max: usize,
}

/// Why a graph was not drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrawingError {
    /// The graph has more nodes than [`Drawing::nodes_max`] allows.
    TooManyNodes {
        /// The limit.
        nodes_max: usize,
    },
    /// The graph has more edges than can be drawn: four for each node that [`Drawing::nodes_max`] allows.
    TooManyEdges {
        /// The limit.
        edges_max: usize,
    },
    /// The layout engine did not understand the DOT text, which is a fault of this library.
    #[cfg(feature = "svg")]
    Layout(String),
}

impl fmt::Display for DrawingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DrawingError::TooManyNodes { nodes_max } => {
                write!(f, "the graph has more than {nodes_max} nodes: draw a part of it, or raise Drawing::nodes_max")
            }
            DrawingError::TooManyEdges { edges_max } => {
                write!(f, "the graph has more than {edges_max} edges: draw a part of it, or raise Drawing::nodes_max")
            }
            #[cfg(feature = "svg")]
            DrawingError::Layout(reason) => write!(f, "the drawing cannot be laid out: {reason}"),
        }
    }
}

impl std::error::Error for DrawingError {}

impl<'t, 'g, T: Scalar> Drawing<'t, 'g, T> {
    /// A drawing of `output` and all that it was made from.
    pub fn new(output: Value<'t, T>) -> Self {
        Drawing { output, names: BTreeMap::new(), grads: None, nodes_max: DRAWN_NODES_MAX }
    }

    /// Writes `name` on the node of `value`. Any text will do.
    ///
    /// # Panics
    ///
    /// If `value` is on another tape.
    #[must_use]
    pub fn name(mut self, value: Value<'t, T>, name: impl Into<String>) -> Self {
        self.output.tape().check_same(value.tape());
        self.names.insert(value.index(), name.into());
        self
    }

    /// Writes these gradients on the nodes, beside the data.
    ///
    /// # Panics
    ///
    /// If they are of another tape.
    #[must_use]
    pub fn grads(mut self, grads: &'g Grads<'t, T>) -> Self {
        self.output.tape().check_same(grads.tape());
        self.grads = Some(grads);
        self
    }

    /// The most nodes to draw; [`DRAWN_NODES_MAX`] unless set.
    #[must_use]
    pub fn nodes_max(mut self, nodes_max: usize) -> Self {
        self.nodes_max = nodes_max;
        self
    }

    /// The graph in Graphviz's DOT language: `dot -Tsvg` draws it.
    ///
    /// # Errors
    ///
    /// [`DrawingError::TooManyNodes`] or [`DrawingError::TooManyEdges`] if the graph is too large.
    pub fn to_dot(&self) -> Result<String, DrawingError> {
        let nodes = self.nodes()?;
        let mut dot = String::from(
            "digraph {\n    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\", fontsize=14];\n    \
             edge [fontname=\"sans-serif\", fontsize=11, color=\"#8c959f\"];\n",
        );
        for value in nodes.values() {
            let (fill, line) = self.colours(*value);
            let label = self.label(*value);
            let index = value.index();
            writeln!(dot, "    n{index} [label=\"{label}\", fillcolor=\"{fill}\", color=\"{line}\"];")
                .expect(INFALLIBLE);
        }
        // In the order of the tape, no node has a way out before it has all its ways in: the layout engine asks of each edge
        // whether it closes a cycle, and so finds out at once instead of following every path.
        for value in nodes.values() {
            for (child, slope) in value.children().iter().zip(value.local_gradients()) {
                let (from, to) = (child.index(), value.index());
                writeln!(dot, "    n{from} -> n{to} [label=\"{}\"];", number(slope)).expect(INFALLIBLE);
            }
        }
        dot.push_str("}\n");
        Ok(dot)
    }

    /// The graph as one self-contained SVG image: no Graphviz, no fonts, no links.
    ///
    /// # Errors
    ///
    /// Those of [`to_dot`](Drawing::to_dot); [`DrawingError::Layout`] if the layout engine fails, which is a fault of this library.
    #[cfg(feature = "svg")]
    pub fn to_svg(&self) -> Result<String, DrawingError> {
        svg::render(&self.to_dot()?)
    }

    /// Everything that the output was made from, in the order of the tape.
    fn nodes(&self) -> Result<BTreeMap<usize, Value<'t, T>>, DrawingError> {
        let edges_max = self.nodes_max.saturating_mul(EDGES_PER_NODE_MAX);
        let mut edges = 0;
        let mut nodes = BTreeMap::new();
        // Largest index first: a node is taken after all that were made from it, so once.
        let mut pending = BTreeSet::from([self.output.index()]);
        let mut values = BTreeMap::from([(self.output.index(), self.output)]);
        while let Some(index) = pending.pop_last() {
            let Some(value) = values.remove(&index) else { continue };
            let children = value.children();
            edges += children.len();
            if edges > edges_max {
                return Err(DrawingError::TooManyEdges { edges_max });
            }
            for child in children {
                pending.insert(child.index());
                values.insert(child.index(), child);
            }
            nodes.insert(index, value);
            if nodes.len() + pending.len() > self.nodes_max {
                return Err(DrawingError::TooManyNodes { nodes_max: self.nodes_max });
            }
        }
        Ok(nodes)
    }

    fn label(&self, value: Value<'t, T>) -> String {
        let operation = value.operation();
        let name = self.names.get(&value.index()).map(|name| escape(name));
        let title = match (name, operation) {
            (Some(name), Operation::Leaf) => name,
            (Some(name), operation) => format!("{name} = {operation}"),
            (None, operation) => operation.to_string(),
        };
        let grad = self.grads.map(|grads| format!("\\ngrad {}", number(grads.wrt(value)))).unwrap_or_default();
        format!("{title}\\ndata {}{grad}", number(value.data()))
    }

    /// Fill and outline: the output, leaves and everything between are told apart.
    fn colours(&self, value: Value<'t, T>) -> (&'static str, &'static str) {
        if value.index() == self.output.index() {
            ("#ffebc8", "#d4a72c")
        } else if value.operation() == Operation::Leaf {
            ("#ddf4ff", "#54aeff")
        } else {
            ("#f6f8fa", "#8c959f")
        }
    }
}

const INFALLIBLE: &str = "writing to a String cannot fail";

/// Five significant digits, without an exponent where that is legible.
fn number<T: Scalar>(x: T) -> String {
    let rounded: f64 = format!("{:.4e}", x.to_f64()).parse().unwrap_or_else(|_| x.to_f64());
    if rounded == 0.0 || (1e-4..1e6).contains(&rounded.abs()) || !rounded.is_finite() {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

/// `text` inside the quotes of a DOT label, on one line. What neither DOT nor XML can hold becomes �.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}
