// Package evidence says, for an auditor and for the auditor's tools, which cipher suites a
// policy leaves at a date, which algorithms they stand on, and who provides those.
//
// A [Report] has three forms: a bill of cryptography in CycloneDX 1.7
// ([Report.WriteCycloneDX]), a component definition in OSCAL 1.1.2 ([Report.WriteOSCAL]), and
// a page in Markdown ([Report.WriteMarkdown]). Each names the profiles of the policy with the
// digests of their files and the values of their parameters, and the Go Cryptographic Module
// with its certificate, or that it has none. The same report is written in the same bytes.
//
// Who provides an algorithm is what the provenance of the suites says (suite.Describe). A
// certification level is claimed only for what runs inside of a certified module in FIPS
// 140-3 mode. A report is a statement of the program that makes it, and no approval.
package evidence
