package gate

import (
	"bytes"
	"fmt"

	"github.com/nats-io/nkeys"

	service "github.com/mlsuite/mlsuite/delivery/jetstream"
)

// Role is what a user may do.
type Role int

// Roles. The zero value is a client's, which may do what a client of its name needs.
const (
	RoleClient Role = iota
	RoleGate        // a gate, or an operator: everything in the account
	RoleSystem      // an operator, in the system account
)

// User is somebody who connects to the server.
type User struct {
	Name string
	Role Role

	Public string // nkey
}

// NewUser returns a user with a new key, and the key's seed, which only the user has.
func NewUser(name string, role Role) (u User, seed []byte, err error) {
	if err := service.CheckName(name); err != nil {
		return User{}, nil, err
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return User{}, nil, err
	}
	defer pair.Wipe()
	u = User{Name: name, Role: role}
	if u.Public, err = pair.PublicKey(); err != nil {
		return User{}, nil, err
	}
	seed, err = pair.Seed()
	return u, bytes.Clone(seed), err
}

// Config returns the user's block in the list of users of a server's configuration.
func (u User) Config() string {
	switch u.Role {
	case RoleGate:
		return fmt.Sprintf("  { nkey: %q } # gate %s\n", u.Public, u.Name)
	case RoleSystem:
		return fmt.Sprintf("  { nkey: %q } # operator %s\n", u.Public, u.Name)
	}
	return fmt.Sprintf(`  { nkey: %q, permissions: { # client %s
      publish: { allow: ["mlsd.*.%[2]s.>"] }
      subscribe: { allow: ["_INBOX_%[2]s.>", "mlsh.w.%[2]s", "mlsh.g.*"] }
  } }
`, u.Public, u.Name)
}
