//! Darts, integrals, prices.

use std::fs;

use super::{assert_kept, error, folder, run, stdout};

#[test]
fn pi_is_inside_its_error_bars_and_draws_the_readmes_picture() {
    let folder = folder();
    let text = stdout(&run("pi", folder.path(), &["50000000", "--svg", "pi.svg", "--json", "pi.json"]));
    assert!(text.contains("1000000           785475  3.1419000 ± 0.0032182") && text.lines().count() == 7, "{text}");
    let report = fs::read_to_string(folder.path().join("pi.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert!(report["table"].as_array().expect("lines").iter().all(|line| line["contains_pi"] == true), "{report}");
    assert_kept(&folder.path().join("pi.svg"), "crates/montecarlo/docs/pi.svg", "pi -- --svg");
    assert!(error(&run("pi", folder.path(), &["2", "--svg", "no/such"])).contains("cannot write \"no/such\""));
}

#[test]
fn roads_integrals_and_prices_are_what_they_should_be() {
    let folder = folder();
    let roads = stdout(&run("pi_roads", folder.path(), &["--samples", "200000"]));
    assert!(roads.contains("Buffon's needle") && roads.contains("… Sobol"), "{roads}");
    let integrals = stdout(&run("integrate", folder.path(), &["3", "--samples", "20000"]));
    assert!(integrals.contains("corner peak") && integrals.contains("Vegas, nets"), "{integrals}");
    let prices = stdout(&run("option_price", folder.path(), &["--samples", "20000"]));
    assert!(prices.contains("Black and Scholes: 7.128065") && prices.contains("control: the share"), "{prices}");
    for (option, said) in [
        ("--strike=0", "strike is 0, it must be a finite number above 0"),
        ("--rate=-800", "rate is -800, it must be between -1 and 1"),
        ("--volatility=5", "volatility is 5, it must be above 0 and at most 2"),
    ] {
        assert_eq!(error(&run("option_price", folder.path(), &[option])), format!("error: {said}"));
    }
    // Few paths pay: intervals that miss the price are a result, and not a failure.
    stdout(&run("option_price", folder.path(), &["--strike", "200", "--samples", "1000", "--seed", "3"]));
}

#[cfg(not(feature = "mpi"))]
#[test]
fn without_mpi_the_example_says_what_to_turn_on() {
    assert!(error(&run("pi_mpi", folder().path(), &[])).contains("--features mpi"));
}
