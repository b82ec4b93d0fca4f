//! How far a long computation is.

/// What a long computation is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Reads points, and checks that each is one of its group.
    Read,
    /// Checks contributions, one by one.
    Chain,
    /// Multiplies points by a contributor's factors.
    Multiply,
    /// Goes from powers of tau to Lagrange polynomials at tau, layer by layer.
    Lagrange,
    /// Adds up what belongs to each variable of a circuit.
    Combine,
    /// Checks an accumulator, rule by rule.
    Check,
}

/// Is told the step, how much of it is done, and of how much. `&mut |_, _, _| {}` does not listen.
pub type Progress<'a> = dyn FnMut(Step, usize, usize) + 'a;

/// Counts one step.
pub(crate) struct Meter<'a> {
    step: Step,
    done: usize,
    total: usize,
    report: &'a mut Progress<'a>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(step: Step, total: usize, report: &'a mut Progress<'_>) -> Self {
        Self { step, done: 0, total, report }
    }

    pub(crate) fn add(&mut self, count: usize) {
        self.done += count;
        (self.report)(self.step, self.done, self.total);
    }
}
