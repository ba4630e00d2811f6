//! Single instructions against the definitions of the manual "PTX ISA" (sections by title: their numbers differ between versions), on
//! each way to compute lanes, with all lanes and with some.
//!
//! What is expected is computed here in another way: in wider integers, from the bits, or in exact arithmetic.

mod atomics;
mod bits;
mod comparisons;
mod control;
mod conversions;
mod directed;
mod eight;
mod exchanges;
mod floats;
mod halves;
mod integers;
mod matrices;
mod movement;
mod programs;
mod refusals;
mod support;
mod wmma;
