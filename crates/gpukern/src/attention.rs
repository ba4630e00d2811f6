//! The problem, what a forward pass saves, and the checks that every backend makes first.

use crate::Error;

/// One attention problem: `out = softmax(scale · q·kᵀ) · v` for every batch entry and head.
///
/// `q` and `out` are `[batch, heads, queries, head_dim]`, `k` and `v` are `[batch, kv_heads, keys, head_dim]`, row-major. Query
/// head h reads key/value head `h / (heads / kv_heads)`: grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245),
/// multi-query attention if `kv_heads` is 1, the usual kind if it equals `heads`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Independent problems.
    pub batch: usize,
    /// Query heads, a multiple of `kv_heads`.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Rows of `q` and `out` a head.
    pub queries: usize,
    /// Rows of `k` and `v` a head that are attended to.
    pub keys: usize,
    /// Columns.
    pub head_dim: usize,
    /// Whether a query sees only keys that are not after it. The last query is aligned with the last key: query i sees key j
    /// if `j ≤ i + keys − queries`. A query that sees none gives out 0, `log_sum_exp` −∞ and gradients 0.
    pub causal: bool,
    /// What scores are multiplied by; `None` is `1/√head_dim`.
    pub scale: Option<f32>,
    /// Rows allocated a head in `k` and `v`, for a cache that is not full; `None`: `keys`. The rows from `keys` on are not
    /// read; their gradients are 0.
    pub key_capacity: Option<usize>,
}

/// What a backward pass needs of the forward pass: its inputs and its outputs.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'a> {
    /// Queries, `[batch, heads, queries, head_dim]`.
    pub q: &'a [f32],
    /// Keys, `[batch, kv_heads, keys, head_dim]`; `key_capacity` rows a head where there is one.
    pub k: &'a [f32],
    /// Values, shaped as the keys.
    pub v: &'a [f32],
    /// The output of the forward pass, shaped as the queries.
    pub out: &'a [f32],
    /// For each query, the natural logarithm of the sum of the exponentials of its scaled scores: `[batch, heads, queries]`.
    pub log_sum_exp: &'a [f32],
}

/// A way to compute attention, forward and backward.
///
/// Every output is overwritten, never added to. Whenever a call is refused, no output was written to.
pub trait AttentionBackend {
    /// `out` and `log_sum_exp` from `q`, `k` and `v`. `log_sum_exp` is `[batch, heads, queries]`.
    ///
    /// # Errors
    ///
    /// Those of [`Attention::check_forward`], and the backend's own.
    fn forward(
        &self,
        problem: &Attention,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error>;

    /// The gradients with respect to `q`, `k` and `v`, shaped as these, from the gradient with respect to `out`.
    ///
    /// # Errors
    ///
    /// Those of [`Attention::check_backward`], and the backend's own.
    fn backward(
        &self,
        problem: &Attention,
        forward: Saved<'_>,
        d_out: &[f32],
        d_q: &mut [f32],
        d_k: &mut [f32],
        d_v: &mut [f32],
    ) -> Result<(), Error>;
}

impl Attention {
    /// What scores are multiplied by.
    #[must_use]
    pub fn scale_or_default(&self) -> f32 {
        self.scale.unwrap_or_else(|| (1.0 / (self.head_dim as f64).sqrt()) as f32)
    }

    /// Rows allocated a head in `k` and `v`.
    #[must_use]
    pub fn key_rows(&self) -> usize {
        self.key_capacity.unwrap_or(self.keys)
    }

    /// How many keys a query, counted from 0, sees: the first so many.
    #[must_use]
    pub fn keys_seen(&self, query: usize) -> usize {
        if self.causal { (query + 1 + self.keys).saturating_sub(self.queries).min(self.keys) } else { self.keys }
    }

    /// The key/value head that a query head reads.
    ///
    /// # Panics
    ///
    /// If `kv_heads` is 0 or more than `heads`, which [`check`](Self::check) refuses.
    #[must_use]
    pub fn kv_head(&self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    /// Elements of `q`, `out` and their gradients.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`].
    pub fn query_elements(&self) -> Result<usize, Error> {
        product("q", &[self.batch, self.heads, self.queries, self.head_dim])
    }

    /// Elements of `k`, `v` and their gradients, with the rows that are allocated but not in use.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`].
    pub fn key_elements(&self) -> Result<usize, Error> {
        product("k", &[self.batch, self.kv_heads, self.key_rows(), self.head_dim])
    }

    /// Elements of `log_sum_exp`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`].
    pub fn rows(&self) -> Result<usize, Error> {
        product("log_sum_exp", &[self.batch, self.heads, self.queries])
    }

    /// Whether the numbers make a problem.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`], [`Error::HeadGroups`], [`Error::KeyCapacity`], [`Error::Scale`], [`Error::TooLarge`]. No batch entries,
    /// no queries and no keys are all right.
    pub fn check(&self) -> Result<(), Error> {
        for (name, value) in [("heads", self.heads), ("kv_heads", self.kv_heads), ("head_dim", self.head_dim)] {
            if value == 0 {
                return Err(Error::Zero { name });
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(Error::HeadGroups { heads: self.heads, kv_heads: self.kv_heads });
        }
        if self.key_rows() < self.keys {
            return Err(Error::KeyCapacity { capacity: self.key_rows(), keys: self.keys });
        }
        if let Some(scale) = self.scale.filter(|scale| !scale.is_finite()) {
            return Err(Error::Scale { scale: scale.to_string() });
        }
        // keys_seen() adds these two.
        product("one head's queries and keys", &[self.queries, 2])?;
        product("one head's keys and queries", &[self.keys, 2])?;
        self.query_elements()?;
        self.key_elements()?;
        self.rows().map(drop)
    }

    /// Whether a forward pass can be made of these: every backend calls it before anything else.
    ///
    /// # Errors
    ///
    /// As [`Attention::check`], and [`Error::Length`].
    pub fn check_forward(
        &self,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        out: &[f32],
        log_sum_exp: &[f32],
    ) -> Result<(), Error> {
        self.check()?;
        self.check_queries("q", q)?;
        self.check_keys("k", k)?;
        self.check_keys("v", v)?;
        self.check_queries("out", out)?;
        self.check_rows("log_sum_exp", log_sum_exp)
    }

    /// Whether a backward pass can be made of these: every backend calls it before anything else.
    ///
    /// # Errors
    ///
    /// As [`Attention::check`], and [`Error::Length`].
    pub fn check_backward(
        &self,
        forward: &Saved<'_>,
        d_out: &[f32],
        d_q: &[f32],
        d_k: &[f32],
        d_v: &[f32],
    ) -> Result<(), Error> {
        self.check_forward(forward.q, forward.k, forward.v, forward.out, forward.log_sum_exp)?;
        self.check_queries("d_out", d_out)?;
        self.check_queries("d_q", d_q)?;
        self.check_keys("d_k", d_k)?;
        self.check_keys("d_v", d_v)
    }

    fn check_queries(&self, name: &'static str, slice: &[f32]) -> Result<(), Error> {
        check_len(name, &[self.batch, self.heads, self.queries, self.head_dim], slice.len())
    }

    fn check_keys(&self, name: &'static str, slice: &[f32]) -> Result<(), Error> {
        check_len(name, &[self.batch, self.kv_heads, self.key_rows(), self.head_dim], slice.len())
    }

    fn check_rows(&self, name: &'static str, slice: &[f32]) -> Result<(), Error> {
        check_len(name, &[self.batch, self.heads, self.queries], slice.len())
    }
}

pub(crate) fn check_len(name: &'static str, shape: &[usize], len: usize) -> Result<(), Error> {
    let expected = product(name, shape)?;
    if len == expected { Ok(()) } else { Err(Error::Length { name, shape: format!("{shape:?}"), expected, len }) }
}

/// The product of a shape; in bytes, with room for f64, it must fit `isize`. A dimension of 0 hides no overflow: the others
/// are multiplied with each other all the same, as loops do.
pub(crate) fn product(name: &'static str, shape: &[usize]) -> Result<usize, Error> {
    let of = |shape: &[usize]| shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    let sides: Vec<usize> = shape.iter().map(|&side| side.max(1)).collect();
    of(&sides)
        .filter(|&largest| largest <= isize::MAX as usize / 8)
        .and_then(|_| of(shape))
        .ok_or_else(|| Error::TooLarge { name, shape: format!("{shape:?}") })
}
