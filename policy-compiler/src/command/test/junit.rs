//! Results in JUnit's XML, which CI systems read.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use tidegate_policy_compiler::offline::TestResult;

/// A report with one suite, called after the policy.
pub(super) fn report(
    policy: &str,
    results: &[TestResult],
    coverage: Option<String>,
) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(policy);
    for TestResult { name, failures, .. } in results {
        let mut status = TestCaseStatus::success();
        if let Some(first) = failures.first() {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(first.as_str());
            status.set_description(failures.join("\n"));
        }
        suite.add_test_case(TestCase::new(name.as_str(), status));
    }
    if let Some(coverage) = coverage {
        suite.set_system_out(coverage);
    }
    let mut report = Report::new("tidegate");
    report.add_test_suite(suite);
    report.to_string()
}
