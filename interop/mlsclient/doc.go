// Package mlsclient is the gRPC interface by which the MLS working group's test
// runner drives an implementation. Its code is generated from mls_client.proto.
package mlsclient

//go:generate ./generate.sh
