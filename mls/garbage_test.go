package mls

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// operations counts the calls into the suites of a test, and the bytes that are hashed
// in them: by themselves, into a MAC or a key, or to be verified.
type operations struct{ symmetric, asymmetric, hashed atomic.Int64 }

func (o *operations) hash(data ...[]byte) {
	for _, b := range data {
		o.hashed.Add(int64(len(b)))
	}
}

// in counts the calls into suites.
func (o *operations) in(suites Suites) Suites {
	return mlstest.Around(suites, func(s suite.Suite) suite.Suite { return &operationSuite{s, o} })
}

type operationSuite struct {
	suite.Suite
	*operations
}

func (s *operationSuite) Hash(data []byte) []byte {
	s.symmetric.Add(1)
	s.hash(data)
	return s.Suite.Hash(data)
}

func (s *operationSuite) MAC(key, message []byte) []byte {
	s.symmetric.Add(1)
	s.hash(key, message)
	return s.Suite.MAC(key, message)
}

func (s *operationSuite) Extract(salt, ikm []byte) ([]byte, error) {
	s.symmetric.Add(1)
	s.hash(salt, ikm)
	return s.Suite.Extract(salt, ikm)
}

func (s *operationSuite) Expand(out, prk, info []byte) error {
	s.symmetric.Add(1)
	s.hash(prk, info)
	return s.Suite.Expand(out, prk, info)
}

func (s *operationSuite) NewAEAD(key []byte) (cipher.AEAD, error) {
	s.symmetric.Add(1)
	return s.Suite.NewAEAD(key)
}

func (s *operationSuite) CheckPublicKey(pub []byte) error {
	s.asymmetric.Add(1)
	return s.Suite.CheckPublicKey(pub)
}

func (s *operationSuite) GenerateKey() (suite.PrivateKey, error) {
	return s.key(s.Suite.GenerateKey())
}

func (s *operationSuite) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	s.hash(ikm)
	return s.key(s.Suite.DeriveKey(ikm))
}

func (s *operationSuite) key(key suite.PrivateKey, err error) (suite.PrivateKey, error) {
	s.asymmetric.Add(1)
	if err != nil {
		return nil, err
	}
	return &operationKey{key, s.operations}, nil
}

func (s *operationSuite) Verify(pub, message, sig []byte) error {
	s.asymmetric.Add(1)
	s.hash(message)
	return s.Suite.Verify(pub, message, sig)
}

// operationKey is a key whose uses are counted.
type operationKey struct {
	suite.PrivateKey
	*operations
}

func (k *operationKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	k.asymmetric.Add(1)
	k.hash(info)
	return k.PrivateKey.Open(enc, info, aad, ciphertext)
}

func (k *operationKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	k.asymmetric.Add(1)
	k.hash(info, exporterContext)
	return k.PrivateKey.Export(enc, info, exporterContext, length)
}

func (k *operationKey) Destroy() { suite.Destroy(k.PrivateKey) }

// Garbage costs whom it reaches at most what an ordinary message of its kind does that
// is accepted: in calls of primitives, in bytes that are hashed, and in memory, that of
// parsing aside.
func TestGarbageCostsAtMostWhatIsAccepted(t *testing.T) {
	ops := new(operations)
	suites := ops.in(mlstest.AllSuites())
	counted := func(cfg *Config) { cfg.Suites = suites }
	var senders message.ExternalSenders
	outside := client(t, 0x0001, "outside")
	for i := range 1000 {
		senders = append(senders, message.ExternalSender{SignatureKey: outside.Signer.PublicKey(), Credential: message.BasicCredential(fmt.Append(nil, i))})
	}
	data, err := message.Marshal(&senders)
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", counted, publicHandshake), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g, 8, counted, publicHandshake)
	populate(t, groups)
	m, victim := insider{t, groups[1]}, groups[2]

	type price struct{ bytes, symmetric, asymmetric, hashed int }
	member := func(message []byte) error {
		_, err := victim.Process(t.Context(), insiderTime, message)
		return err
	}
	cost := func(read func([]byte) error, valid bool, messages ...[]byte) price {
		i := 0
		var p price
		p.bytes = mlstest.LeastAllocated(func() {
			ops.symmetric.Store(0)
			ops.asymmetric.Store(0)
			ops.hashed.Store(0)
			err := read(messages[i%len(messages)])
			require.Equal(t, valid, err == nil, err)
			p.symmetric, p.asymmetric, p.hashed = int(ops.symmetric.Load()), int(ops.asymmetric.Load()), int(ops.hashed.Load())
			i++
		})
		return p
	}
	context := victim.public.context
	external, err := ExternalProposer{Suite: victim.public.suite, GroupID: context.GroupID, Epoch: context.Epoch}.Propose(t.Context(), outside.Signer, 999, message.Remove{Removed: 5})
	require.NoError(t, err)
	proposal, _ := m.propose(message.Remove{Removed: 4})
	commit, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	var application [][]byte
	for range 6 { // the first makes its sender known
		b, err := groups[3].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
		require.NoError(t, err)
		application = append(application, b)
	}
	_, err = victim.Process(t.Context(), insiderTime, application[0])
	require.NoError(t, err)
	public := inPublic(t, victim)
	outsider := func(message []byte) error {
		_, err := public.Process(t.Context(), insiderTime, message)
		return err
	}
	add, _ := m.propose(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "added").KeyPackage})
	joiner := ownKeyPackage(t, 0x0001, "joiner", counted)
	adding, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: joiner.KeyPackage})
	require.NoError(t, err)
	join := func(message []byte) error {
		c, err := joiner.Join(t.Context(), insiderTime, message, JoinOptions{})
		if err == nil {
			c.Discard()
		}
		return err
	}
	info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	watch := func(message []byte) error {
		_, err := NewPublicGroup(t.Context(), insiderTime, *victim.cfg, message, nil)
		return err
	}
	private := insider{t, groups[4]}
	private.cfg.PublicHandshake = false
	var proposals, commits [][]byte
	for range 6 {
		b, _ := private.propose(message.Remove{Removed: 5})
		proposals = append(proposals, b)
	}
	for range 6 {
		c, err := private.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		commits = append(commits, c.Message)
	}
	entering, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "entering", counted), info, ExternalJoinOptions{})
	require.NoError(t, err)
	require.NoError(t, member(proposals[0]))
	require.NoError(t, member(commits[0]))
	for _, c := range []struct {
		kind     string
		messages [][]byte
		read     func([]byte) error
	}{
		{"Welcome", [][]byte{adding.Welcome}, join},
		{"GroupInfo", [][]byte{info}, watch},
		{"KeyPackage in an Add", [][]byte{add}, member},
		{"PrivateMessage, proposal", proposals[1:], member},
		{"PrivateMessage, commit", commits[1:], member},
		{"in public: commit", [][]byte{commit.Message}, outsider},
		{"in public: external proposal", [][]byte{external}, outsider},
		{"in public: KeyPackage in an Add", [][]byte{add}, outsider},
		{"PrivateMessage, application", application[1:], member},
		{"PublicMessage, commit", [][]byte{commit.Message}, member},
		{"PublicMessage, external commit", [][]byte{entering.Message}, member},
		{"in public: external commit", [][]byte{entering.Message}, outsider},
		{"PublicMessage, external proposal", [][]byte{external}, member},
		{"PublicMessage, proposal", [][]byte{proposal}, member},
	} {
		good := c.messages[0]
		bad, last := map[string]price{}, len(good)-1
		if strings.HasPrefix(c.kind, "in public") { // the tags behind the signature are for members
			signature := publicIn(t, good).Auth.Signature
			last = bytes.LastIndex(good, signature) + len(signature) - 1
		}
		for at, name := range map[int]string{last: "last byte", len(good) / 2: "byte in the middle", 12: "byte of the header"} {
			bad[name] = cost(c.read, false, mlstest.Flipped(good, at))
		}
		bad["cut off"] = cost(c.read, false, good[:len(good)-1])
		if m, err := message.Parse[message.Message](good); err == nil && m.PublicMessage != nil {
			public := publicIn(t, good)
			public.Auth.Signature = nil
			unsigned, err := public.Encode()
			require.NoError(t, err)
			bad["missing signature"] = cost(c.read, false, unsigned)
		}
		accepted := cost(c.read, true, c.messages...)
		t.Logf("%-34s %5d bytes: %7d allocated, %3d symmetric and %2d asymmetric operations, %6d hashed", c.kind, len(good),
			accepted.bytes, accepted.symmetric, accepted.asymmetric, accepted.hashed)
		for _, name := range slices.Sorted(maps.Keys(bad)) {
			b := bad[name]
			of := func(refused, accepted int) float64 { return float64(refused) / float64(accepted) }
			t.Logf("    refused for a %-20s: %7d allocated (%.2f), %3d symmetric (%.2f), %2d asymmetric (%.2f), %6d hashed (%.2f)", name,
				b.bytes, of(b.bytes, accepted.bytes), b.symmetric, of(b.symmetric, accepted.symmetric),
				b.asymmetric, of(b.asymmetric, accepted.asymmetric), b.hashed, of(b.hashed, accepted.hashed))
			require.LessOrEqual(t, b.symmetric, accepted.symmetric, "%s, %s", c.kind, name)
			require.LessOrEqual(t, b.asymmetric, accepted.asymmetric, "%s, %s", c.kind, name)
			require.LessOrEqual(t, b.hashed, accepted.hashed, "%s, %s", c.kind, name)
			if allocated.Exact { // the race detector takes borrowed memory away at random
				require.LessOrEqual(t, b.bytes, accepted.bytes+mlstest.ParsedAtMost(len(good)), "%s, %s", c.kind, name)
			}
		}
	}
}
