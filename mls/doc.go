// Package mls is an engine for Messaging Layer Security (RFC 9420).
//
// It holds no algorithm of its own: cipher suites come from the caller as
// [github.com/mlsuite/mlsuite/suite.Suite] values. It reaches no network, no disk
// and no clock.
package mls
