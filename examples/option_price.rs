//! What is the right to buy a share in a year worth? Monte Carlo's oldest customer on Wall Street.
//!
//! A European call: the share's price follows a geometric Brownian motion in twelve monthly steps, and at the end the call pays
//! what the share is worth above the strike. Its price is the mean of that, discounted: an integral in twelve dimensions, one
//! normal variable a month. For this option Black and Scholes have a closed form, so that the error bars can be checked; for most there is none.
//! The control is the share itself: its discounted mean is today's price, exactly.
//!
//! ```text
//! cargo run --release --example option_price
//! cargo run --release --example option_price -- --strike 120 --samples 1000000
//! ```
//!
//! Sample output:
//!
//! ```text
//! Black and Scholes: 7.128065
//!
//! method                   price    ± (95 %)       paths  off by
//! plain                 7.156795      9.6e-2       65536  +2.9e-2
//! antithetic            7.146998      8.0e-2       65536  +1.9e-2
//! control: the share    7.112714      4.7e-2       65536  -1.5e-2
//! Sobol                 7.135081      1.6e-2       65536  +7.0e-3
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use montecarlo::{Antithetic, Control, ControlVariates, Domain, Integrator, Plain, Sobol};

mod support;

const MONTHS: usize = 12;
/// 200 % a year: beyond that, the mean is made by paths that hardly any sample has.
const VOLATILITY_MAX: f64 = 2.0;

/// The price of a European call, four ways, beside the closed form.
#[derive(Parser)]
struct Arguments {
    /// The share's price today
    #[arg(long, value_name = "X", default_value_t = 100.0)]
    spot: f64,
    /// What the call lets one buy it for
    #[arg(long, value_name = "X", default_value_t = 105.0)]
    strike: f64,
    /// Interest a year, from -1 to 1
    #[arg(long, value_name = "X", default_value_t = 0.03)]
    rate: f64,
    /// Volatility a year, up to 2
    #[arg(long, value_name = "X", default_value_t = 0.2)]
    volatility: f64,
    /// Paths
    #[arg(long, value_name = "N", default_value_t = 65_536, value_parser = clap::value_parser!(u64).range(1000..=1_000_000_000))]
    samples: u64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

fn main() -> ExitCode {
    support::exit(run(&Arguments::parse(), &mut io::stdout().lock()))
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let &Arguments { spot, strike, rate, volatility, .. } = arguments;
    for (name, value, allowed, expected) in [
        ("spot", spot, spot > 0.0 && spot.is_finite(), "a finite number above 0"),
        ("strike", strike, strike > 0.0 && strike.is_finite(), "a finite number above 0"),
        ("rate", rate, (-1.0..=1.0).contains(&rate), "between -1 and 1"),
        ("volatility", volatility, volatility > 0.0 && volatility <= VOLATILITY_MAX, "above 0 and at most 2"),
    ] {
        if !allowed {
            return Err(format!("{name} is {value}, it must be {expected}").into());
        }
    }
    let (samples, seed) = (arguments.samples, arguments.seed);
    let discount = (-arguments.rate).exp();
    let payoff = |u: &[f64]| discount * (at_the_end(arguments, u) - arguments.strike).max(0.0);
    let share = |u: &[f64]| discount * at_the_end(arguments, u);
    let controls = [Control { f: &share, integral: arguments.spot }];
    let months = Domain::unit(MONTHS);
    let exact = black_scholes(arguments);
    // Where few paths pay, or few of them pay most, an interval by the normal distribution is too short: a lesson, and no mistake.
    let is_ordinary = volatility <= 0.5 && samples >= 10_000 && exact > 1e-2 * spot;
    writeln!(
        out,
        "Black and Scholes: {exact:.6}\n\n{:<18}  {:>10}  {:>10}  {:>10}  off by",
        "method", "price", "± (95 %)", "paths"
    )?;
    for (name, estimate) in [
        ("plain", Plain { seed, samples }.integrate(&months, payoff)?),
        ("antithetic", Antithetic { seed, samples }.integrate(&months, payoff)?),
        ("control: the share", ControlVariates { seed, samples, controls: &controls }.integrate(&months, payoff)?),
        ("Sobol", Sobol { seed, samples, ..Default::default() }.integrate(&months, payoff)?),
    ] {
        let half = estimate.confidence(0.95)?.half_width();
        let off = estimate.mean - exact;
        writeln!(out, "{name:<18}  {:>10.6}  {half:>10.1e}  {:>10}  {off:>+.1e}", estimate.mean, estimate.samples)?;
        assert!(estimate.confidence(0.9999)?.contains(exact) || !is_ordinary, "{name}: {estimate:?}, not {exact}");
    }
    Ok(())
}

/// The share's price in a year, from a uniform number for each month.
fn at_the_end(arguments: &Arguments, u: &[f64]) -> f64 {
    let month = 1.0 / MONTHS as f64;
    let drift = (arguments.rate - 0.5 * arguments.volatility * arguments.volatility) * month;
    let step = |u: &f64| drift + arguments.volatility * month.sqrt() * normal_quantile(*u);
    arguments.spot * u.iter().map(step).sum::<f64>().exp()
}

fn black_scholes(arguments: &Arguments) -> f64 {
    let cdf = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let &Arguments { spot, strike, rate, volatility, .. } = arguments;
    let d1 = ((spot / strike).ln() + rate + 0.5 * volatility * volatility) / volatility;
    spot * cdf(d1) - strike * (-rate).exp() * cdf(d1 - volatility)
}

/// The normal variable below which a share `u` of all lies: P. J. Acklam's rational functions (2003), good to 1.2·10⁻⁹ of it.
fn normal_quantile(u: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        138.357_751_867_269,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |u: f64| {
        let x = (-2.0 * u.ln()).sqrt();
        polynomial(&C, x) / polynomial(&D, x)
    };
    if u < 0.02425 {
        tail(u)
    } else if u > 1.0 - 0.02425 {
        -tail(1.0 - u)
    } else {
        let x = u - 0.5;
        x * polynomial(&A, x * x) / polynomial(&B, x * x)
    }
}
