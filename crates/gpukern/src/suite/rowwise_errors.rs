//! What every row-wise backend refuses, leaving its outputs as they were.

use crate::{Error, Rows, RowwiseBackend, SavedRmsNorm};

const GOOD: Rows = Rows { rows: 3, cols: 5 };
/// What is in outputs before.
const BEFORE: f32 = 42.0;
/// Names of the six computations.
const NAMES: [&str; 6] =
    ["softmax", "softmax_backward", "rms_norm", "rms_norm_backward", "cross_entropy", "cross_entropy_backward"];
/// How many slices each takes.
const SLICES: [usize; 6] = [2, 3, 4, 6, 4, 5];

pub(super) fn check(backend: &dyn RowwiseBackend) -> Result<(), (&'static str, String)> {
    for (which, name) in NAMES.into_iter().enumerate() {
        let wrong = |what| (name, what);
        let run = |shape, extra: &[usize]| Call { shape, ..Call::default() }.run(backend, which, extra);
        let exact = [0; 6];
        refused(run(Rows { cols: 0, ..GOOD }, &exact), |e| matches!(e, Error::Zero { name: "cols" })).map_err(wrong)?;
        refused(run(Rows { rows: usize::MAX / 2, ..GOOD }, &exact), |e| matches!(e, Error::TooLarge { .. }))
            .map_err(wrong)?;
        for slice in 0..SLICES[which] {
            let extra: [usize; 6] = std::array::from_fn(|index| usize::from(index == slice));
            refused(run(GOOD, &extra), |e| matches!(e, Error::Length { .. }))
                .map_err(|what| (name, format!("slice {slice} too long: {what}")))?;
        }
    }
    for epsilon in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        let result = Call { epsilon, ..Call::default() }.run(backend, 2, &[0; 6]);
        refused(result, |e| matches!(e, Error::Epsilon { .. })).map_err(|what| ("epsilon", what))?;
    }
    for which in [4, 5] {
        let result = Call { target: 5, ..Call::default() }.run(backend, which, &[0; 6]);
        refused(result, |e| matches!(e, Error::Target { row: 0, target: 5, classes: 5 }))
            .map_err(|what| ("a target that is no class", what))?;
    }
    Ok(())
}

struct Call {
    shape: Rows,
    epsilon: f32,
    target: u32,
}

impl Default for Call {
    fn default() -> Self {
        Self { shape: GOOD, epsilon: 1e-5, target: 4 }
    }
}

impl Call {
    /// `extra` elements too many in each slice. The outer result says whether outputs were left alone.
    fn run(&self, backend: &dyn RowwiseBackend, which: usize, extra: &[usize]) -> Result<Result<(), Error>, String> {
        let (shape, matrix, rows) = (self.shape, 15, 3);
        let input = |len: usize, index: usize| vec![0.5_f32; len + extra[index]];
        let output = |len: usize, index: usize| vec![BEFORE; len + extra[index]];
        let targets = vec![self.target; rows + extra[1]];
        let (result, outputs) = match which {
            0 => {
                let mut out = output(matrix, 1);
                (backend.softmax(shape, &input(matrix, 0), &mut out), vec![out])
            }
            1 => {
                let mut d_x = output(matrix, 2);
                (backend.softmax_backward(shape, &input(matrix, 0), &input(matrix, 1), &mut d_x), vec![d_x])
            }
            2 => {
                let (mut out, mut inverse) = (output(matrix, 2), output(rows, 3));
                let (x, weight) = (input(matrix, 0), input(5, 1));
                let result = backend.rms_norm(shape, self.epsilon, &x, Some(&weight), &mut out, &mut inverse);
                (result, vec![out, inverse])
            }
            3 => {
                let (mut d_x, mut d_weight) = (output(matrix, 4), output(5, 5));
                let (x, weight, inverse_rms) = (input(matrix, 0), input(5, 1), input(rows, 2));
                let saved = SavedRmsNorm { x: &x, weight: Some(&weight), inverse_rms: &inverse_rms };
                let d_out = input(matrix, 3);
                let result = backend.rms_norm_backward(shape, saved, &d_out, &mut d_x, Some(&mut d_weight));
                (result, vec![d_x, d_weight])
            }
            4 => {
                let (mut loss, mut sums) = (output(rows, 2), output(rows, 3));
                let result = backend.cross_entropy(shape, &input(matrix, 0), &targets, &mut loss, &mut sums);
                (result, vec![loss, sums])
            }
            _ => {
                let mut d_logits = output(matrix, 4);
                let (logits, sums, d_loss) = (input(matrix, 0), input(rows, 2), input(rows, 3));
                let result = backend.cross_entropy_backward(shape, &logits, &targets, &sums, &d_loss, &mut d_logits);
                (result, vec![d_logits])
            }
        };
        match outputs.iter().position(|output| output.iter().any(|&element| element != BEFORE)) {
            None => Ok(result),
            Some(index) => Err(format!("output {index} was written to")),
        }
    }
}

fn refused(result: Result<Result<(), Error>, String>, right: impl Fn(&Error) -> bool) -> Result<(), String> {
    match result? {
        Err(error) if right(&error) => Ok(()),
        Err(error) => Err(format!("refused for another reason: {error}")),
        Ok(()) => Err("not refused".to_owned()),
    }
}
