fn main() {
    let mut tape = scalar_autograd::Tape::<f64>::new();
    let start = tape.mark();
    let grads = tape.value(1.0).backward();
    tape.truncate(start);
    drop(grads);
}
