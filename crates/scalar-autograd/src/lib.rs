#![doc = include_str!("../README.md")]
// A README shows the picture as a file; here it is part of the page, which needs no other file then.
#![doc = concat!(
    "<div class=\"picture\"><style>.readme{display:none}.picture svg{max-width:100%;height:auto}</style>",
    include_str!("../docs/neuron.svg"),
    "</div>\n"
)]
//!
//! *A neuron, tanh(x₀·w₀ + x₁·w₁ + b), drawn by this crate ([`Drawing`]). A node shows its number and the derivative of the output with
//! respect to it, an arrow its local gradient.*
//!
//! # How it works
//!
//! A [`Value`] wraps one number. Every operation makes a new one, a **node**, that remembers its inputs (its
//! **children**) and how fast it changes when each of them does (its **local gradients**): 1 and 1 for `a + b`; `b` and
//! `a` for `a * b`. That is the forward pass, and all that is recorded.
//!
//! A gradient is a nudge: if `loss` has gradient 0.5 with respect to `w`, raising `w` by a tiny amount raises the loss
//! by half of it. The **chain rule** says that a nudge multiplies along a path, local gradient by local gradient. So the
//! backward pass starts at the loss, whose gradient is 1, and every node hands each child its own gradient times the
//! local gradient between them. A value that is used several times (**fan-out**) is handed one contribution for each
//! use, and they add up: `+=`, not `=`.
//!
//! A node must have received everything before it hands anything on. [`graph`] finds such an order the way textbooks do,
//! by a topological sort. The [`Tape`] needs no sort: it records nodes in the order in which they are made, a child is
//! made before whatever uses it, and so the tape read backwards *is* a topological order. (Wengert described the forward
//! list in 1964, Linnainmaa the backward sweep in 1970; Griewank & Walther, "Evaluating Derivatives", 2008, is the
//! textbook.) One sweep finds the derivative with respect to *all* inputs for a small multiple of the price of the
//! function itself: why it trains networks with billions of weights.
//!
//! ```text
//! w = 2 ──┬── · 3 ── a = 6 ──┐
//!         │                  + ── loss = 16        forward: left to right, recorded on the tape
//!         └── · 5 ── b = 10 ─┘
//!
//! 3 + 5 = 8 ◄─┬─ 3·1 ◄─ 1 ◄─┐
//!             │             ├─ 1                    backward: right to left, gradients
//!             └─ 5·1 ◄─ 1 ◄─┘
//! ```
//!
//! # If you know PyTorch or micrograd
//!
//! | PyTorch | micrograd | here |
//! |---|---|---|
//! | `torch.tensor(2.0, requires_grad=True)` | `Value(2.0)` | [`tape.value(2.0)`](Tape::value) |
//! | `x.item()` | `x.data` | [`x.data()`](Value::data) |
//! | `loss.backward()` | `loss.backward()` | [`let grads = loss.backward()`](Value::backward) |
//! | `x.grad` | `x.grad` | [`grads.wrt(x)`](Grads::wrt); each `backward` starts from 0, no `zero_grad` |
//! | `y.grad_fn` | `y._op`, `y._prev` | [`operation`](Value::operation), [`children`](Value::children), [`local_gradients`](Value::local_gradients) |
//! | `torch.dot(w, x)` | `sum(wi*xi for …)` | [`w.dot(x)`](Values::dot): one node |
//! | `nn.Parameter`, freeing the graph | – | [`parameters`](Tape::parameters), [`mark`](Tape::mark), [`truncate`](Tape::truncate) |
//! | `with torch.no_grad():` | – | [`tape.no_grad(\|\| …)`](Tape::no_grad) |
//! | `torch.autograd.gradcheck` | – | [`gradcheck`](fn@gradcheck) |
//! | `torch.autograd.functional.hvp`, `.jacobian` | – | [`hessian_vector_product`](Value::hessian_vector_product), [`jacobian`](Values::jacobian) |
//! | torchviz | `draw_dot` | [`Drawing`] |
//!
//! # What it costs
//!
//! For `f64`, a node takes 17 bytes and its gradient 8; a sum or dot product adds 4 for each listed child (where the
//! children stand side by side, a sum adds nothing and a dot product 8, which many rows share), and a constant adds 8
//! unless it equals the one before. Memory doubles as the tape
//! grows and is kept when the tape is truncated. Bench `peers` measures time per node beside other crates.
//!
//! # What goes wrong, and when
//!
//! Handles borrow their tape, so using one after its node was truncated does not compile. What the borrow checker cannot
//! see panics with a sentence that says why: values of two tapes that meet, [`Parameters`] or a [`Mark`] whose nodes are
//! gone, a full tape. Floating-point trouble follows the floats: `ln` of a negative number is NaN, and so is its
//! gradient. A gradient of exactly 0 stops there, see [`backward`](Value::backward).
//!
//! # What it does not do
//!
//! No tensors, no GPU, no threads on one tape, no control-flow tracing (what ran is what is recorded), no checkpointing, no
//! third derivatives.
//!
//! # Reading order
//!
//! 1. [`graph`]: the whole idea, with nothing in the way.
//! 2. [`tape.rs`](../src/scalar_autograd/tape.rs.html), [`value.rs`](../src/scalar_autograd/value.rs.html),
//!    [`operators.rs`](../src/scalar_autograd/operators.rs.html): the same as an arena of nodes and `Copy` handles.
//! 3. [`operation.rs`](../src/scalar_autograd/operation.rs.html): every derivative rule, once.
//! 4. [`backward.rs`](../src/scalar_autograd/backward.rs.html): the sweep, the counterpart of the sort and the loop in
//!    [`graph.rs`](../src/scalar_autograd/graph.rs.html).
//! 5. [`values.rs`](../src/scalar_autograd/values.rs.html), [`elementwise.rs`](../src/scalar_autograd/elementwise.rs.html),
//!    [`products.rs`](../src/scalar_autograd/products.rs.html): runs of neighbours, and sums and dot products that are one node.
//! 6. [`second.rs`](../src/scalar_autograd/second.rs.html) with [`dual.rs`](../src/scalar_autograd/dual.rs.html): second derivatives from first-order rules.
//! 7. [`mod@gradcheck`], [`drawing`]: trust, and pictures.

mod arena;
mod backward;
pub mod drawing;
mod dual;
mod elementwise;
pub mod gradcheck;
pub mod graph;
mod operation;
mod operators;
mod products;
mod scalar;
mod second;
mod tape;
mod value;
mod values;

pub use arena::NODES_MAX;
pub use backward::Grads;
pub use drawing::{Drawing, DrawingError};
pub use gradcheck::gradcheck;
pub use operation::Operation;
pub use scalar::Scalar;
pub use tape::{Mark, Parameters, Tape};
pub use value::Value;
pub use values::Values;
