//! Reverse-mode automatic differentiation in which every number is a node that can be looked at.
