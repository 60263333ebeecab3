package audit_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	p384    suite.ID = 0x0007 // under cnsa-2.0-transition until the end of 2030
	mldsa87 suite.ID = 0xF00B
)

var (
	before = time.Date(2030, 12, 31, 0, 0, 0, 0, time.UTC)
	after  = time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
)

// life is a group under a policy with an audit log, and all secrets of it that can be
// got hold of.
type life struct {
	*testing.T
	log     bytes.Buffer
	policy  *policy.Policy
	now     time.Time
	groups  map[string]*mls.Group
	signers map[string]suite.Signer
	secrets secrets
	public  [][]byte
	psk     []byte

	certificate []byte // of the client that has one
}

func newLife(t *testing.T) *life {
	p, err := policy.Load("cnsa-2.0-transition")
	require.NoError(t, err)
	l := &life{T: t, policy: p, now: before, groups: map[string]*mls.Group{}, signers: map[string]suite.Signer{}, secrets: secrets{}}
	l.psk = []byte("a pre-shared key of the three")
	l.secrets.add(l.psk)
	return l
}

// ExternalPSK is of the PSKStore of each client.
func (l *life) ExternalPSK(context.Context, []byte) ([]byte, error) { return l.psk, nil }

func (l *life) config(name string, id suite.ID) mls.Config {
	logger := fixedTime(&l.log).With("client", name)
	signer, err := must(all.Registry().Suite(id))(l.T).GenerateSigner()
	require.NoError(l, err)
	identity := message.BasicCredential([]byte(name))
	if name == certified {
		signer, identity = l.certify(id)
	}
	private, err := signer.Bytes()
	require.NoError(l, err)
	l.secrets.add(private)
	l.signers[name] = signer
	return mls.Config{
		Suites:     all.Registry(),
		Policy:     audit.Policy(l.policy, logger),
		Observer:   audit.Observer(logger),
		PSKs:       store{l, name},
		Suite:      id,
		Signer:     signer,
		Credential: identity,
	}
}

// certified is the client with an X.509 credential.
const certified = "dora"

// certify returns a key on P-384 and its certificate.
func (l *life) certify(id suite.ID) (suite.Signer, message.Credential) {
	key := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(l.T)
	template := &x509.Certificate{SerialNumber: big.NewInt(0x1001), Subject: pkix.Name{CommonName: certified}, NotBefore: before, NotAfter: after}
	l.certificate = must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(l.T)
	l.public = append(l.public, l.certificate)
	return must(must(all.Registry().Suite(id))(l.T).NewSigner(key))(l.T), x509Credential(l.T, l.certificate)
}

// store is the PSKStore of one client.
type store struct {
	*life
	name string
}

func (s store) Group([]byte) *mls.Group { return s.groups[s.name] }

// must returns a value whose error a test demands to be nil.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// note takes up what members hold as secrets now.
func (l *life) note() {
	for name, g := range l.groups {
		l.saved(wholeState(g))
		l.public = append(l.public, g.GroupID())
		l.secrets.add(must(g.EpochAuthenticator())(l.T))
		l.secrets.add(must(g.Export("of "+name, []byte("context"), 64))(l.T))
	}
}

func wholeState(g *mls.Group) (mls.Snapshot, error) {
	d, err := g.Save()
	if err != nil {
		return nil, err
	}
	d.Stored()
	return mls.Snapshot{}.Apply(d), nil
}

func (l *life) saved(s mls.Snapshot, err error) {
	require.NoError(l, err)
	for _, r := range s {
		l.secrets.add(r.Value)
	}
}

// commit lets a member commit, and all adopt it.
func (l *life) commit(by string, proposals ...message.Proposal) *mls.Candidate {
	c := must(l.groups[by].Commit(l.Context(), l.now, mls.CommitOptions{}, proposals...))(l.T)
	l.saved(c.Save())
	for name, g := range l.groups {
		next := c
		if name != by {
			next = must(g.Process(l.Context(), l.now, c.Message))(l.T).Commit
		}
		adopted, err := next.Adopt()
		if next.Removed() {
			delete(l.groups, name)
			continue
		}
		require.NoError(l, err)
		l.groups[name] = adopted
	}
	l.note()
	return c
}

func (l *life) keyPackage(name string, id suite.ID) *mls.OwnKeyPackage {
	k := must(mls.NewKeyPackage(l.Context(), l.now, l.config(name, id), mls.KeyPackageOptions{}))(l.T)
	l.saved(k.Save())
	return k
}

// run lives the life: a group of three, until the day on which its suite may begin
// no more and beyond, and the group to which it moves.
func (l *life) run() {
	t := l.T
	audit.Started(fixedTime(&l.log), l.policy, "registry/all", all.Registry().All())
	l.groups["ann"] = must(mls.CreateGroup(t.Context(), l.now, l.config("ann", p384), nil))(t)
	l.note()
	bob, carl := l.keyPackage("bob", p384), l.keyPackage("carl", p384)
	c := l.commit("ann", message.Add{KeyPackage: bob.KeyPackage}, message.Add{KeyPackage: carl.KeyPackage})
	l.groups["bob"] = must(must(bob.Join(t.Context(), l.now, c.Welcome, mls.JoinOptions{}))(t).Adopt())(t)
	l.groups["carl"] = must(must(carl.Join(t.Context(), l.now, c.Welcome, mls.JoinOptions{}))(t).Adopt())(t)
	l.note()
	plaintext := []byte("what ann says to bob and carl alone")
	l.secrets.add(plaintext)
	m := must(l.groups["ann"].Encrypt(t.Context(), l.now, plaintext, nil))(t)
	must(l.groups["bob"].Process(t.Context(), l.now, m))(t)
	l.groups["bob"].Process(t.Context(), l.now, m) // refused: it was opened
	info := must(l.groups["ann"].GroupInfo(t.Context(), l.now, true))(t)
	external := must(mls.ExternalJoin(t.Context(), l.now, l.config("dora", p384), info, mls.ExternalJoinOptions{}))(t)
	l.saved(external.Save())
	for name, g := range l.groups {
		l.groups[name] = must(must(g.Process(t.Context(), l.now, external.Message))(t).Commit.Adopt())(t)
	}
	l.groups["dora"] = must(external.Adopt())(t)
	l.note()
	l.commit("bob", message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("psk")}}, message.Remove{Removed: l.groups["dora"].OwnLeaf()})

	l.now = after
	_, err := mls.CreateGroup(t.Context(), l.now, l.config("ann", p384), nil)
	require.ErrorIs(t, err, policy.ErrRefused)
	l.commit("carl")
	m = must(l.groups["carl"].Propose(t.Context(), l.now, message.ReInit{GroupID: []byte("the group to follow"), CipherSuite: mldsa87}, nil))(t)
	for _, name := range []string{"ann", "bob"} {
		must(l.groups[name].Process(t.Context(), l.now, m))(t)
	}
	l.commit("bob")
	bob, carl = l.keyPackage("bob", mldsa87), l.keyPackage("carl", mldsa87)
	c = must(l.groups["ann"].Reinitialize(t.Context(), l.now, l.config("ann", mldsa87),
		[]*message.KeyPackage{bob.KeyPackage, carl.KeyPackage}, mls.FollowUpOptions{}))(t)
	l.saved(c.Save())
	next := map[string]*mls.Group{
		"ann":  must(c.Adopt())(t),
		"bob":  must(must(bob.Join(t.Context(), l.now, c.Welcome, mls.JoinOptions{}))(t).Adopt())(t),
		"carl": must(must(carl.Join(t.Context(), l.now, c.Welcome, mls.JoinOptions{}))(t).Adopt())(t),
	}
	l.groups = next
	l.note()
	l.commit("ann")
	state := must(wholeState(l.groups["bob"]))(t)
	signer := l.signers["bob"]
	cfg := l.config("bob", mldsa87)
	cfg.Signer = signer
	must(mls.RestoreGroup(l.now, cfg, state))(t)
}

// A log of a group's whole life holds none of its secrets.
func TestLogHoldsNoSecret(t *testing.T) {
	l := newLife(t)
	l.run()
	l.note()
	for _, b := range l.public {
		l.secrets.remove(b)
	}
	require.Greater(t, len(l.secrets), 10_000)
	require.Empty(t, l.secrets.leaks(l.log.Bytes()))
}

// record is what the tests read of a record.
type record struct {
	Message  string `json:"msg"`
	Client   string
	Question string
	Use      string
	Verdict  string
	At       time.Time
	Suite    string
	Policy   string
	Rule     string
	How      string
	Change   string
	Identity string
	Profiles []string
	InForce  []struct{ Profile, Digest string } `json:"in_force"`
	Registry struct {
		Name   string
		Suites []struct{ Suite string }
	}
	Module, Build map[string]any
	Certificate   struct{ Fingerprint, Serial, Subject string }
	Group         struct {
		ID    string
		Epoch uint64
		Suite string
	}
	Previous, ReInit struct{ Suite string }
}

func (l *life) records() []record {
	var all []record
	for line := range strings.Lines(l.log.String()) {
		var r record
		require.NoError(l, json.Unmarshal([]byte(line), &r), line)
		all = append(all, r)
	}
	return all
}

// The log shows what a mandate asks of it: what began, what went on past its date, what
// was refused, who came and went, and where the group moved.
func TestLogIsEvidence(t *testing.T) {
	l := newLife(t)
	l.run()
	records := l.records()
	has := func(match func(record) bool) { t.Helper(); require.True(t, slices.ContainsFunc(records, match)) }
	has(func(r record) bool { // ann may not begin another group in 2031
		return r.Client == "ann" && r.Verdict == "refuse" && r.Use == "start" && r.Suite == "0x0007" &&
			r.Policy == "cnsa-2.0-transition" && r.Rule == "kem"
	})
	for _, use := range []string{"continue", "receive", "leave"} { // and the group goes on
		has(func(r record) bool {
			return r.Verdict == "report" && r.Use == use && r.Suite == "0x0007" && r.Policy == "cnsa-2.0-transition"
		})
	}
	has(func(r record) bool { return r.Message == "message refused" && r.Client == "bob" })
	for _, name := range []string{"bob", "carl"} {
		has(func(r record) bool {
			return r.Client == "ann" && r.Message == "member" && r.Change == "added" && r.Identity == name
		})
	}
	fingerprint := sha256.Sum256(l.certificate)
	for _, change := range []string{"added", "removed"} {
		has(func(r record) bool {
			return r.Client == "carl" && r.Message == "member" && r.Change == change && r.Certificate.Subject == "CN=dora" &&
				r.Certificate.Serial == "1001" && r.Certificate.Fingerprint == hex.EncodeToString(fingerprint[:])
		})
	}
	has(func(r record) bool { return r.Client == "dora" && r.Message == "group left" })
	for _, name := range []string{"ann", "bob", "carl"} {
		has(func(r record) bool {
			return r.Client == name && r.Message == "epoch adopted" && r.ReInit.Suite == "0xF00B"
		})
		has(func(r record) bool {
			return r.Client == name && r.Message == "group entered" && r.Previous.Suite == "0x0007" && r.Group.Suite == "0xF00B"
		})
	}
	for _, r := range records { // and nothing is reported before the day
		require.False(t, r.Verdict == "report" && r.At.Before(after), r)
	}
}

// The first record says what is in force, and each decision names it.
func TestLogNamesThePolicy(t *testing.T) {
	l := newLife(t)
	l.policy = must(l.policy.With("category-date=2030-12-30"))(t)
	l.now = before.AddDate(-1, 0, 0)
	audit.Started(fixedTime(&l.log), l.policy, "registry/all", all.Registry().All())
	must(mls.CreateGroup(t.Context(), l.now, l.config("ann", p384), nil))(t)
	_, err := mls.CreateGroup(t.Context(), after, l.config("ann", p384), nil)
	require.ErrorIs(t, err, policy.ErrRefused)
	records := l.records()
	start := records[0]
	require.Equal(t, "policy in force", start.Message)
	require.Len(t, start.InForce, 1)
	want := l.policy.Profiles()[0]
	require.Equal(t, "cnsa-2.0-transition", start.InForce[0].Profile)
	require.Equal(t, want.Digest, start.InForce[0].Digest)
	require.Equal(t, "registry/all", start.Registry.Name)
	require.Len(t, start.Registry.Suites, len(all.Registry().IDs()))
	mode := "off"
	if fips140.Enabled() {
		mode = "on"
	}
	require.Equal(t, mode, start.Module["mode"])
	require.Equal(t, fips140.Version(), start.Module["version"])
	require.Equal(t, runtime.Version(), start.Build["go"])

	name := "cnsa-2.0-transition " + want.Digest[len("sha256:"):][:16] + " category-date=2030-12-30"
	require.Equal(t, []string{name}, start.Profiles)
	decided := map[string]int{}
	for _, r := range records[1:] {
		if r.Message == "decision" {
			require.Equal(t, []string{name}, r.Profiles)
			decided[r.Verdict]++
		}
	}
	require.Positive(t, decided["allow"])
	require.Positive(t, decided["refuse"])
}
