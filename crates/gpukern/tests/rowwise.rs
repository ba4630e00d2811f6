//! Softmax, RMS norm and cross-entropy: by hand, against differences, and the suite on what is right and what is wrong.

use gpukern::suite::check_rowwise;
use gpukern::{Error, IGNORE, Reference, Rows, RowwiseBackend, SavedRmsNorm, plain};

fn close(given: &[f32], expected: &[f32]) {
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        assert!(given == expected || (given - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{given} {expected}");
    }
}

#[test]
fn softmax_adds_up_to_one() {
    let mut out = [f32::NAN; 6];
    let shape = Rows { rows: 2, cols: 3 };
    Reference.softmax(shape, &[0.0, 2.0_f32.ln(), 0.0, -1e4, 1e4, -1e4], &mut out).expect("lengths agree");
    close(&out, &[0.25, 0.5, 0.25, 0.0, 1.0, 0.0]);
    // out ∘ (d_out − Σ out ∘ d_out), with Σ = 4
    let mut d_x = [f32::NAN; 6];
    Reference.softmax_backward(shape, &out, &[4.0, 8.0, -4.0, 1.0, 1.0, 1.0], &mut d_x).expect("lengths agree");
    close(&d_x, &[0.0, 2.0, -2.0, 0.0, 0.0, 0.0]);
}

#[test]
fn rms_norm_makes_the_mean_square_one() {
    let (shape, x) = (Rows { rows: 1, cols: 2 }, [3.0, 4.0]);
    let (mut out, mut inverse_rms) = ([0.0; 2], [0.0]);
    Reference.rms_norm(shape, 1e-12, &x, Some(&[1.0, -2.0]), &mut out, &mut inverse_rms).expect("lengths agree");
    let inverse = 1.0 / 12.5_f32.sqrt();
    close(&inverse_rms, &[inverse]);
    close(&out, &[3.0 * inverse, -8.0 * inverse]);
}

#[test]
fn errors_name_both_sides() {
    let (shape, mut out) = (Rows { rows: 2, cols: 3 }, [0.0; 6]);
    let error = Reference.softmax(shape, &[0.0; 5], &mut out).expect_err("five");
    assert_eq!(error.to_string(), "`x` is [2, 3], which is 6 elements, 5 were given");
    let (mut loss, mut sums) = ([0.0; 2], [0.0; 2]);
    let error = Reference.cross_entropy(shape, &[0.0; 6], &[IGNORE, 3], &mut loss, &mut sums).expect_err("3 of 3");
    assert_eq!(error, Error::Target { row: 1, target: 3, classes: 3 });
    assert_eq!(error.to_string(), "the target of row 1 is 3, it must be below the number of classes, 3");
}

/// Numbers from −1 to 1, the same every time.
fn noise(len: usize, mut state: u32) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// Compares `gradient` with central differences of `loss` around `at`.
fn differences(at: &[f32], gradient: &[f32], loss: impl Fn(&[f32]) -> f64) {
    const STEP: f32 = 1.0 / 64.0;
    let mut moved = at.to_vec();
    for (index, (&here, &gradient)) in at.iter().zip(gradient).enumerate() {
        let [above, below] = [here + STEP, here - STEP].map(|there| {
            moved[index] = there;
            (there, loss(&moved))
        });
        moved[index] = here;
        let difference = (above.1 - below.1) / f64::from(above.0 - below.0);
        assert!((difference - f64::from(gradient)).abs() < 5e-4, "element {index}: {gradient}, {difference}");
    }
}

fn weighted(out: &[f32], d_out: &[f32]) -> f64 {
    out.iter().zip(d_out).map(|(&out, &d)| f64::from(out) * f64::from(d)).sum()
}

#[test]
fn gradients_are_those_of_central_differences() {
    let shape = Rows { rows: 4, cols: 5 };
    let (x, d_out, weight) = (noise(20, 1), noise(20, 2), noise(5, 3));
    let (mut out, mut d_x) = (vec![0.0; 20], vec![0.0; 20]);
    let softmax = |x: &[f32]| {
        let mut out = vec![0.0; 20];
        Reference.softmax(shape, x, &mut out).expect("lengths agree");
        out
    };
    Reference.softmax_backward(shape, &softmax(&x), &d_out, &mut d_x).expect("lengths agree");
    differences(&x, &d_x, |x| weighted(&softmax(x), &d_out));

    let norm = |x: &[f32], weight: &[f32]| {
        let mut out = vec![0.0; 20];
        Reference.rms_norm(shape, 0.1, x, Some(weight), &mut out, &mut [0.0; 4]).expect("lengths agree");
        weighted(&out, &d_out)
    };
    let (mut inverse_rms, mut d_weight) = ([0.0; 4], [0.0; 5]);
    Reference.rms_norm(shape, 0.1, &x, Some(&weight), &mut out, &mut inverse_rms).expect("lengths agree");
    let saved = SavedRmsNorm { x: &x, weight: Some(&weight), inverse_rms: &inverse_rms };
    Reference.rms_norm_backward(shape, saved, &d_out, &mut d_x, Some(&mut d_weight)).expect("lengths agree");
    differences(&x, &d_x, |x| norm(x, &weight));
    differences(&weight, &d_weight, |weight| norm(&x, weight));

    let (targets, d_loss) = ([4, 0, IGNORE, 2], noise(4, 4));
    let entropy = |x: &[f32]| {
        let (mut loss, mut sums) = ([0.0; 4], [0.0; 4]);
        Reference.cross_entropy(shape, x, &targets, &mut loss, &mut sums).expect("lengths agree");
        (weighted(&loss, &d_loss), sums)
    };
    Reference.cross_entropy_backward(shape, &x, &targets, &entropy(&x).1, &d_loss, &mut d_x).expect("lengths agree");
    differences(&x, &d_x, |x| entropy(x).0);
}

#[test]
fn the_reference_and_the_plain_computation_pass() {
    assert!(check_rowwise("Reference", &Reference, 1).expect("within bounds") > 50);
    check_rowwise("plain", &plain::Rowwise, 2).expect("within bounds");
}

/// The plain computation, and one number of one output wrong.
struct Wrong(&'static str);

impl Wrong {
    fn spoil(&self, name: &str, output: &mut [f32]) {
        if self.0 == name && output.len() > 1000 {
            let largest = output.iter_mut().max_by(|x, y| x.abs().total_cmp(&y.abs())).expect("many");
            *largest *= 1.0 + 1e-4;
        }
    }
}

impl RowwiseBackend for Wrong {
    fn softmax(&self, shape: Rows, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        plain::Rowwise.softmax(shape, x, out)?;
        self.spoil("softmax", out);
        Ok(())
    }
    fn softmax_backward(&self, shape: Rows, out: &[f32], d_out: &[f32], d_x: &mut [f32]) -> Result<(), Error> {
        plain::Rowwise.softmax_backward(shape, out, d_out, d_x)?;
        self.spoil("softmax's d_x", d_x);
        Ok(())
    }
    fn rms_norm(
        &self,
        shape: Rows,
        epsilon: f32,
        x: &[f32],
        weight: Option<&[f32]>,
        out: &mut [f32],
        inverse_rms: &mut [f32],
    ) -> Result<(), Error> {
        plain::Rowwise.rms_norm(shape, epsilon, x, weight, out, inverse_rms)?;
        self.spoil("RMS norm", out);
        self.spoil("inverse_rms", inverse_rms);
        Ok(())
    }
    fn rms_norm_backward(
        &self,
        shape: Rows,
        forward: SavedRmsNorm<'_>,
        d_out: &[f32],
        d_x: &mut [f32],
        mut d_weight: Option<&mut [f32]>,
    ) -> Result<(), Error> {
        plain::Rowwise.rms_norm_backward(shape, forward, d_out, d_x, d_weight.as_deref_mut())?;
        self.spoil("RMS norm's d_x", d_x);
        self.spoil("d_weight", d_weight.unwrap_or_default());
        Ok(())
    }
    fn cross_entropy(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        loss: &mut [f32],
        log_sum_exp: &mut [f32],
    ) -> Result<(), Error> {
        plain::Rowwise.cross_entropy(shape, logits, targets, loss, log_sum_exp)?;
        self.spoil("loss", loss);
        self.spoil("log_sum_exp", log_sum_exp);
        Ok(())
    }
    fn cross_entropy_backward(
        &self,
        shape: Rows,
        logits: &[f32],
        targets: &[u32],
        log_sum_exp: &[f32],
        d_loss: &[f32],
        d_logits: &mut [f32],
    ) -> Result<(), Error> {
        plain::Rowwise.cross_entropy_backward(shape, logits, targets, log_sum_exp, d_loss, d_logits)?;
        self.spoil("d_logits", d_logits);
        Ok(())
    }
}

#[test]
fn one_number_that_is_slightly_off_is_found() {
    let outputs = [
        "softmax",
        "softmax's d_x",
        "RMS norm",
        "inverse_rms",
        "RMS norm's d_x",
        "d_weight",
        "loss",
        "log_sum_exp",
        "d_logits",
    ];
    for output in outputs {
        let failure = check_rowwise("wrong", &Wrong(output), 1).expect_err(output);
        assert!(failure.what.starts_with(&format!("{output}[")), "{output}: {failure}");
    }
}
