fn main() {
    let mut tape = scalar_autograd::Tape::<f64>::new();
    let weights = tape.parameters(&[1.0]);
    let w = tape.bind(weights).at(0);
    tape.data_mut(weights)[0] = 2.0;
    let _ = w.data();
}
