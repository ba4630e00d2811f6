//! Control variates: what is known exactly, taken out of what is not.

use crate::integrator::{Batch, DIMS_MAX, Scratch, at_least, chunk_points, in_rounds};
use crate::philox::{Purpose, Stream};
use crate::{Domain, Error, Estimate, Integrator, Plan};

/// Controls at most.
const CONTROLS_MAX: usize = 64;
/// A control whose spread, less what the others explain, is below this share of its own says nothing new.
const COLLINEAR: f64 = 1e-10;

/// A function whose integral over the domain is known.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// The function of a point, which has as many coordinates as the domain has dimensions.
    pub f: &'a (dyn Fn(&[f64]) -> f64 + Sync),
    /// Its integral over the domain, a finite number.
    pub integral: f64,
}

/// Plain Monte Carlo with control variates: of the integrand only what no combination of the controls explains is left to chance.
///
/// The coefficients are those of the regression of the integrand on the controls, from the same samples, which costs a bias of order
/// 1/n, far below the error bar. A correlation ρ with the best combination is worth 1/(1 − ρ²) times the samples. Up to 2²⁰ dimensions.
/// (S. S. Lavenberg & P. D. Welch 1981.)
///
/// ```
/// use montecarlo::{Control, ControlVariates, Domain, Integrator};
///
/// // 4·√(1 − x²) looks like a parabola: ∫ x² = 1/3 takes 97 % of the variance away.
/// let parabola = Control { f: &|x| x[0] * x[0], integral: 1.0 / 3.0 };
/// let with = ControlVariates { controls: &[parabola], ..Default::default() };
/// let without = ControlVariates::default();
/// let f = |x: &[f64]| 4.0 * (1.0 - x[0] * x[0]).sqrt();
/// let [with, without] = [with, without].map(|method| method.integrate(&Domain::unit(1), f));
/// assert!(with?.std_error < 0.2 * without?.std_error);
/// # Ok::<(), montecarlo::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ControlVariates<'a> {
    /// Chooses the random numbers.
    pub seed: u64,
    /// Calls of the integrand, and of each control: at least three more than there are controls.
    pub samples: u64,
    /// What is known, at most 64 functions. None at all is plain Monte Carlo.
    pub controls: &'a [Control<'a>],
}

impl Default for ControlVariates<'_> {
    fn default() -> Self {
        Self { seed: 0, samples: 1 << 16, controls: &[] }
    }
}

impl Integrator for ControlVariates<'_> {
    fn integrate_batch(&self, domain: &Domain, plan: &mut Plan<'_>, f: &Batch<'_>) -> Result<Estimate, Error> {
        const NAME: &str = "plain Monte Carlo with control variates";
        domain.check(NAME, DIMS_MAX)?;
        if self.controls.len() > CONTROLS_MAX {
            let value = self.controls.len() as f64;
            return Err(Error::BadOption { name: "the number of controls", value, range: "at most 64" });
        }
        at_least(NAME, self.samples, self.controls.len() as u64 + 3)?;
        plan.check()?;
        let (dims, points) = (domain.dims(), chunk_points(domain.dims()));
        let known: Vec<f64> = self.controls.iter().map(|control| control.integral / domain.volume()).collect();
        if let Some(&value) = known.iter().find(|known| !known.is_finite()) {
            return Err(Error::BadOption { name: "the mean of a control", value, range: "finite" });
        }
        let columns = self.controls.len() + 1;
        let scratch = || (Scratch::new(points, dims), Vec::with_capacity(points * columns));
        let work = |chunk: u64, (scratch, rows): &mut (Scratch, Vec<f64>), record: &mut [f64]| {
            let count = (points as u64).min(self.samples - chunk * points as u64) as usize;
            scratch.random(Stream { seed: self.seed, stream: chunk, purpose: Purpose::Points }, count);
            scratch.evaluate(domain, f, count)?;
            rows.clear();
            for (point, &value) in scratch.points.chunks_exact(dims).zip(&scratch.values[..count]) {
                rows.push(value);
                for control in self.controls {
                    let value = (control.f)(point);
                    if !value.is_finite() {
                        return Err(Error::NotFinite { value, point: point.to_vec() });
                    }
                    rows.push(value);
                }
            }
            Joint::of(rows, columns).write(record);
            Ok(())
        };
        let mut joint = Joint::none(columns);
        let size = (self.samples.div_ceil(points as u64), joint.len(), self.samples);
        in_rounds(plan, size, scratch, work, |records| {
            records.chunks_exact(joint.len()).for_each(|record| joint.absorb(&Joint::read(record, columns)));
            joint.regress(&known)?.over(domain.volume())
        })
    }
}

/// Means of some columns and the sums of products of their differences from them.
#[derive(Debug, Clone, PartialEq)]
struct Joint {
    count: f64,
    means: Vec<f64>,
    /// Row-major, symmetric.
    products: Vec<f64>,
}

impl Joint {
    fn none(columns: usize) -> Self {
        Self { count: 0.0, means: vec![0.0; columns], products: vec![0.0; columns * columns] }
    }

    fn of(rows: &[f64], columns: usize) -> Self {
        let mut joint = Self::none(columns);
        joint.count = (rows.len() / columns) as f64;
        for row in rows.chunks_exact(columns) {
            joint.means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / joint.count);
        }
        for row in rows.chunks_exact(columns) {
            joint.add_product(row.iter().zip(&joint.means.clone()).map(|(x, mean)| x - mean), 1.0);
        }
        joint
    }

    fn add_product(&mut self, differences: impl Iterator<Item = f64> + Clone, weight: f64) {
        for (row, x) in self.products.chunks_exact_mut(self.means.len()).zip(differences.clone()) {
            row.iter_mut().zip(differences.clone()).for_each(|(product, y)| *product += weight * x * y);
        }
    }

    /// Chan, Golub & LeVeque's formula, for products as for squares.
    fn absorb(&mut self, other: &Self) {
        let count = self.count + other.count;
        let apart: Vec<f64> = other.means.iter().zip(&self.means).map(|(other, own)| other - own).collect();
        self.products.iter_mut().zip(&other.products).for_each(|(own, other)| *own += other);
        self.add_product(apart.iter().copied(), self.count * other.count / count);
        self.means.iter_mut().zip(&apart).for_each(|(mean, apart)| *mean += apart * (other.count / count));
        self.count = count;
    }

    fn len(&self) -> usize {
        1 + self.means.len() + self.products.len()
    }

    fn write(&self, record: &mut [f64]) {
        let numbers = [self.count].into_iter().chain(self.means.iter().copied()).chain(self.products.iter().copied());
        record.iter_mut().zip(numbers).for_each(|(slot, number)| *slot = number);
    }

    fn read(record: &[f64], columns: usize) -> Self {
        let (means, products) = record[1..].split_at(columns);
        Self { count: record[0], means: means.to_vec(), products: products.to_vec() }
    }

    /// The first column's mean if the means of the others were `known`.
    fn regress(&self, known: &[f64]) -> Result<Estimate, Error> {
        let controls = known.len();
        let products = |i: usize, j: usize| self.products[i * (controls + 1) + j];
        if !self.products.iter().all(|product| product.is_finite()) {
            return Err(Error::Overflow { largest: self.means[0].abs() });
        }
        // The Cholesky factor of the controls' products, and what it makes of the two right-hand sides. Controls that the others
        // explain are left out.
        let mut lower = vec![vec![0.0; controls]; controls];
        let (mut with_f, mut off) = (vec![0.0; controls], vec![0.0; controls]);
        let mut kept = 0;
        for i in 0..controls {
            for j in 0..i {
                let rest: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
                lower[i][j] = if lower[j][j] > 0.0 { (products(i + 1, j + 1) - rest) / lower[j][j] } else { 0.0 };
            }
            let left = products(i + 1, i + 1) - lower[i][..i].iter().map(|x| x * x).sum::<f64>();
            // Nor does the rounding of a constant.
            let rounding = self.count * (f64::EPSILON * self.means[i + 1]).powi(2);
            if left <= COLLINEAR * products(i + 1, i + 1) + 1e3 * rounding {
                continue;
            }
            kept += 1;
            lower[i][i] = left.sqrt();
            let solved = |side: f64, before: &[f64]| {
                (side - lower[i][..i].iter().zip(before).map(|(x, y)| x * y).sum::<f64>()) / lower[i][i]
            };
            with_f[i] = solved(products(0, i + 1), &with_f);
            off[i] = solved(self.means[i + 1] - known[i], &off);
        }
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let mean = self.means[0] - dot(&with_f, &off);
        let residual = (products(0, 0) - dot(&with_f, &with_f)).max(0.0);
        let degrees = self.count - 1.0 - f64::from(kept);
        // The first samples of a run that is looked at may be no more than the controls: they show no spread yet.
        let spread = if degrees > 0.0 { residual / degrees } else { f64::INFINITY };
        let variance = spread * (1.0 / self.count + dot(&off, &off));
        Ok(Estimate::of_weighted(mean, variance, degrees, self.count as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joint_moments_merge() {
        let rows: Vec<f64> =
            (0..300).map(|i| crate::philox::unit((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let whole = Joint::of(&rows, 3);
        let mut merged = Joint::of(&rows[..99], 3);
        merged.absorb(&Joint::of(&rows[99..], 3));
        let mut record = vec![0.0; whole.len()];
        merged.write(&mut record);
        for (a, b) in Joint::read(&record, 3).products.iter().zip(&whole.products) {
            assert!((a - b).abs() < 1e-12);
        }
    }

    /// An integrand that the controls explain altogether is exact; useless and repeated controls do no harm.
    #[test]
    fn what_is_explained_is_exact() {
        let domain = Domain::new(&[(0.0, 2.0), (0.0, 1.0)]).expect("a domain");
        let x = Control { f: &|x| x[0], integral: 2.0 };
        let y = Control { f: &|x| x[1], integral: 1.0 };
        let both = Control { f: &|x| x[0] + x[1], integral: 3.0 };
        let constant = Control { f: &|_| 5.0, integral: 10.0 };
        let method = ControlVariates { samples: 5000, controls: &[x, constant, y, both], ..Default::default() };
        let exact = method.integrate(&domain, |x| 3.0 * x[0] - x[1] + 1.0).expect("an estimate");
        assert!((exact.mean - 7.0).abs() < 1e-6 && exact.std_error < 1e-6, "{exact:?}");
        assert_eq!(exact.degrees_of_freedom, 4997.0);
    }
}
