//! The other pieces of a transformer: softmax, RMS norm and cross-entropy, forward and backward, row by row.

pub(crate) mod definition;

use crate::Error;
use crate::attention::{check_len, product};

/// The shape of a row-major matrix whose rows are worked on independently: a row a token, a column a feature or a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Rows; none is all right.
    pub rows: usize,
    /// Columns, at least 1.
    pub cols: usize,
}

/// The target of a row that does not count (padding, say): its loss and `log_sum_exp` are 0, its gradient is 0, and its
/// logits do not matter.
pub const IGNORE: u32 = u32::MAX;

/// What RMS norm's backward pass needs of its forward pass.
#[derive(Debug, Clone, Copy)]
pub struct SavedRmsNorm<'a> {
    /// The input, `[rows, cols]`.
    pub x: &'a [f32],
    /// The weights, `[cols]`, if there were any.
    pub weight: Option<&'a [f32]>,
    /// The factor of each row, `[rows]`.
    pub inverse_rms: &'a [f32],
}

/// A way to compute the pieces of a transformer that work on one row at a time, forward and backward.
///
/// Matrices are `[rows, cols]`, row-major f32. Every output is overwritten, never added to. Whenever a call is refused, no
/// output was written to.
///
/// **NaN and infinities.** A NaN in a row of the input makes that row's outputs NaN (`d_weight`, to which every row adds, as well),
/// and no other row's; so does +∞ where exponentials are taken. −∞ there is a class, or a score, that cannot be: it gets the
/// weight 0. A row of nothing else gives softmax 0 everywhere, cross-entropy `log_sum_exp` −∞, loss +∞.
///
/// ```
/// use gpukern::{IGNORE, Reference, Rows, RowwiseBackend};
///
/// // Two tokens, two classes; the second token is padding.
/// let shape = Rows { rows: 2, cols: 2 };
/// let (logits, targets) = ([0.0, 3.0_f32.ln(), 7.0, 7.0], [1, IGNORE]);
/// let (mut loss, mut log_sum_exp, mut d_logits) = ([0.0; 2], [0.0; 2], [0.0; 4]);
/// Reference.cross_entropy(shape, &logits, &targets, &mut loss, &mut log_sum_exp)?;
/// assert!((loss[0] - (4.0_f32 / 3.0).ln()).abs() < 1e-6 && loss[1] == 0.0); // p = 3/4
///
/// Reference.cross_entropy_backward(shape, &logits, &targets, &log_sum_exp, &[1.0, 1.0], &mut d_logits)?;
/// assert!((d_logits[0] - 0.25).abs() < 1e-6 && (d_logits[1] + 0.25).abs() < 1e-6);
/// assert_eq!(d_logits[2..], [0.0, 0.0]);
/// # Ok::<(), gpukern::Error>(())
/// ```
pub trait RowwiseBackend {
    /// `out = exp(x − max) / Σ exp(x − max)`, the maximum and the sum of each row.
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_softmax`], and the backend's own.
    fn softmax(&self, shape: Rows, x: &[f32], out: &mut [f32]) -> Result<(), Error>;

    /// The gradient with respect to `x`: `out ∘ (d_out − Σ out ∘ d_out)`, from what [`softmax`](Self::softmax) gave.
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_softmax_backward`], and the backend's own.
    fn softmax_backward(&self, shape: Rows, out: &[f32], d_out: &[f32], d_x: &mut [f32]) -> Result<(), Error>;

    /// `out = weight ∘ x · inverse_rms`, with `inverse_rms = 1 / √(mean(x²) + epsilon)` of each row; without `weight` it is 1.
    /// (Zhang and Sennrich 2019, arXiv:1910.07467.)
    ///
    /// Backends that calculate in f32 need rows whose sum of squares does not overflow: entries below 1.8·10¹⁹/√columns.
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_rms_norm`], and the backend's own.
    fn rms_norm(
        &self,
        shape: Rows,
        epsilon: f32,
        x: &[f32],
        weight: Option<&[f32]>,
        out: &mut [f32],
        inverse_rms: &mut [f32],
    ) -> Result<(), Error>;

    /// The gradients with respect to `x` and, where asked for, `weight`. With g = weight ∘ d_out and r = `inverse_rms`:
    ///
    /// ```text
    /// d_x = r · (g − x · r² · mean(g ∘ x))
    /// d_weight = Σ over rows of d_out ∘ x · r
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_rms_norm_backward`], and the backend's own.
    fn rms_norm_backward(
        &self,
        shape: Rows,
        forward: SavedRmsNorm<'_>,
        d_out: &[f32],
        d_x: &mut [f32],
        d_weight: Option<&mut [f32]>,
    ) -> Result<(), Error>;

    /// `log_sum_exp = ln Σ exp(logits)` of each row, and `loss = log_sum_exp − logits[target]`: −ln of the probability that softmax
    /// gives to the target. The target of a row is the index of a column, or [`IGNORE`].
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_cross_entropy`], and the backend's own.
    fn cross_entropy(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        loss: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error>;

    /// The gradient with respect to `logits`: `d_loss · (exp(logits − log_sum_exp) − [column = target])`. `d_loss` has one number a
    /// row: 1/rows for a mean, a row's own weight otherwise; 0 where the row is to be left out.
    ///
    /// # Errors
    ///
    /// Those of [`Rows::check_cross_entropy_backward`], and the backend's own.
    fn cross_entropy_backward(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        log_sum_exp: &[f32],
        d_loss: &[f32],
        d_logits: &mut [f32],
    ) -> Result<(), Error>;
}

/// Slices by name.
type Named<'a> = (&'static str, &'a [f32]);

impl Rows {
    /// Elements of the matrix.
    ///
    /// # Errors
    ///
    /// [`Error::Zero`] without columns, [`Error::TooLarge`].
    pub fn elements(&self) -> Result<usize, Error> {
        if self.cols == 0 {
            return Err(Error::Zero { name: "cols" });
        }
        product("x", &[self.rows, self.cols])
    }

    /// Whether a softmax can be made of these: every backend calls it before anything else, as it does the other checks.
    ///
    /// # Errors
    ///
    /// As [`Rows::elements`], and [`Error::Length`].
    pub fn check_softmax(&self, x: &[f32], out: &[f32]) -> Result<(), Error> {
        self.check_matrices(&[("x", x), ("out", out)])
    }

    /// Whether a softmax's backward pass can be made of these.
    ///
    /// # Errors
    ///
    /// As [`Rows::elements`], and [`Error::Length`].
    pub fn check_softmax_backward(&self, out: &[f32], d_out: &[f32], d_x: &[f32]) -> Result<(), Error> {
        self.check_matrices(&[("out", out), ("d_out", d_out), ("d_x", d_x)])
    }

    /// Whether an RMS norm can be made of these.
    ///
    /// # Errors
    ///
    /// As [`Rows::elements`], [`Error::Length`], and [`Error::Epsilon`] if `epsilon` is not a finite number above 0.
    pub fn check_rms_norm(
        &self,
        epsilon: f32,
        x: &[f32],
        weight: Option<&[f32]>,
        out: &[f32],
        inverse_rms: &[f32],
    ) -> Result<(), Error> {
        self.check_matrices(&[("x", x), ("out", out)])?;
        self.check_weight("weight", weight)?;
        self.check_column("inverse_rms", inverse_rms.len())?;
        check_epsilon(epsilon)
    }

    /// Whether an RMS norm's backward pass can be made of these.
    ///
    /// # Errors
    ///
    /// As [`Rows::elements`], and [`Error::Length`].
    pub fn check_rms_norm_backward(
        &self,
        forward: &SavedRmsNorm<'_>,
        d_out: &[f32],
        d_x: &[f32],
        d_weight: Option<&[f32]>,
    ) -> Result<(), Error> {
        self.check_matrices(&[("x", forward.x), ("d_out", d_out), ("d_x", d_x)])?;
        self.check_weight("weight", forward.weight)?;
        self.check_weight("d_weight", d_weight)?;
        self.check_column("inverse_rms", forward.inverse_rms.len())
    }

    /// Whether a cross-entropy can be made of these.
    ///
    /// # Errors
    ///
    /// As [`Rows::elements`], [`Error::Length`], and [`Error::Target`] if a target is neither a column nor [`IGNORE`].
    pub fn check_cross_entropy(
        &self,
        logits: &[f32],
        targets: &[u32],
        loss: &[f32],
        log_sum_exp: &[f32],
    ) -> Result<(), Error> {
        self.check_matrices(&[("logits", logits)])?;
        self.check_targets(targets)?;
        self.check_column("loss", loss.len())?;
        self.check_column("log_sum_exp", log_sum_exp.len())
    }

    /// Whether a cross-entropy's backward pass can be made of these.
    ///
    /// # Errors
    ///
    /// As [`Rows::check_cross_entropy`].
    pub fn check_cross_entropy_backward(
        &self,
        logits: &[f32],
        targets: &[u32],
        log_sum_exp: &[f32],
        d_loss: &[f32],
        d_logits: &[f32],
    ) -> Result<(), Error> {
        self.check_matrices(&[("logits", logits), ("d_logits", d_logits)])?;
        self.check_targets(targets)?;
        self.check_column("log_sum_exp", log_sum_exp.len())?;
        self.check_column("d_loss", d_loss.len())
    }

    fn check_matrices(&self, matrices: &[Named<'_>]) -> Result<(), Error> {
        self.elements()?;
        matrices.iter().try_for_each(|(name, matrix)| check_len(name, &[self.rows, self.cols], matrix.len()))
    }

    fn check_weight(&self, name: &'static str, weight: Option<&[f32]>) -> Result<(), Error> {
        weight.map_or(Ok(()), |weight| check_len(name, &[self.cols], weight.len()))
    }

    fn check_column(&self, name: &'static str, len: usize) -> Result<(), Error> {
        check_len(name, &[self.rows], len)
    }

    fn check_targets(&self, targets: &[u32]) -> Result<(), Error> {
        self.check_column("targets", targets.len())?;
        let bad = |&target: &u32| target != IGNORE && target as usize >= self.cols;
        match targets.iter().position(bad) {
            None => Ok(()),
            Some(row) => Err(Error::Target { row, target: targets[row], classes: self.cols }),
        }
    }
}

pub(crate) fn check_epsilon(epsilon: f32) -> Result<(), Error> {
    let good = epsilon.is_finite() && epsilon > 0.0;
    if good { Ok(()) } else { Err(Error::Epsilon { epsilon: epsilon.to_string() }) }
}
