fn main() {
    let mut tape = scalar_autograd::Tape::<f64>::new();
    let start = tape.mark();
    let x = tape.value(1.0);
    tape.truncate(start);
    let _ = x + 1.0;
}
