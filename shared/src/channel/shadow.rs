//! How far a reader follows what a statement has in shadow. It comes after what is in force, and
//! whatever is wrong with it is no more than a line of the log.

use super::InShadow;

/// How far a bundle in shadow is followed. It does no IO: its reader fetches, and says what came
/// of it.
#[derive(Debug, Default)]
pub struct Shadowing {
    runs: Option<InShadow>,
    /// What is known to be in trouble, and of which kind.
    trouble: Option<(InShadow, &'static str)>,
}

/// What a reader is to do about its bundle in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowStep {
    /// Nothing: it is as it should be.
    Stay,
    /// Let none decide any longer.
    End,
    /// Let this one decide, in place of any other.
    Run(InShadow),
}

impl Shadowing {
    /// What to do where the statement that is followed says `wanted`. What was run until now is
    /// taken for ended, unless all is to stay.
    pub fn follow(&mut self, wanted: Option<InShadow>) -> ShadowStep {
        if wanted == self.runs {
            return ShadowStep::Stay;
        }
        self.runs = None;
        wanted.map_or(ShadowStep::End, ShadowStep::Run)
    }

    /// Takes note that a bundle decides in shadow.
    pub fn runs(&mut self, shadow: InShadow) {
        self.runs = Some(shadow);
        self.trouble = None;
    }

    /// Takes note that one cannot, for a reason of this name. Says whether that is news: each kind
    /// of trouble is logged once, and not at each look.
    pub fn failed(&mut self, shadow: InShadow, name: &'static str) -> bool {
        self.trouble.replace((shadow, name)) != Some((shadow, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::units::Percent;

    fn shadow(text: &str, share: u8) -> InShadow {
        InShadow {
            bundle: Digest::of(text.as_bytes()),
            share: Percent(share),
        }
    }

    #[test]
    fn it_stays_until_the_statement_says_something_else() {
        let mut shadowing = Shadowing::default();
        let (one, less) = (shadow("one", 100), shadow("one", 10));
        assert_eq!(shadowing.follow(None), ShadowStep::Stay);
        // Until it runs, each look tries again.
        for _ in 0..2 {
            assert_eq!(shadowing.follow(Some(one)), ShadowStep::Run(one));
        }
        shadowing.runs(one);
        assert_eq!(shadowing.follow(Some(one)), ShadowStep::Stay);
        assert_eq!(shadowing.follow(Some(less)), ShadowStep::Run(less));
        shadowing.runs(less);
        assert_eq!(shadowing.follow(None), ShadowStep::End);
        assert_eq!(shadowing.follow(None), ShadowStep::Stay);
    }

    #[test]
    fn each_kind_of_trouble_is_news_once() {
        let mut shadowing = Shadowing::default();
        let (one, two) = (shadow("one", 100), shadow("two", 100));
        assert!(shadowing.failed(one, "missing"));
        assert!(!shadowing.failed(one, "missing"));
        assert!(shadowing.failed(one, "stalled"));
        assert!(shadowing.failed(two, "stalled"));
        shadowing.runs(two);
        assert!(shadowing.failed(two, "stalled"));
    }
}
