package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// parsed returns the flags of a guard.
func parsed(t *testing.T, args ...string) (f guarding, err error) {
	t.Helper()
	c := &cobra.Command{SilenceErrors: true, SilenceUsage: true}
	f.add(c)
	return f, c.ParseFlags(args)
}

// config returns what flags say of a guard.
func config(t *testing.T, args ...string) (guard.Config, error) {
	f, err := parsed(t, args...)
	require.NoError(t, err)
	return f.config()
}

// member is a client of suite 2, alone in a public group that begins behind a guard with flags.
type member struct {
	t       *testing.T
	group   *mls.Group
	service delivery.Service
}

func begin(t *testing.T, cfg mls.Config, flags ...string) *member {
	t.Helper()
	of, err := config(t, append(flags, "--public-only")...)
	require.NoError(t, err)
	server := memory.NewServer(memory.Options{})
	of.Service = server.Client("guard")
	of.Store, err = storememory.NewDisk().Open()
	require.NoError(t, err)
	of.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	g, err := guard.New(of)
	require.NoError(t, err)
	cfg.Suites, cfg.Suite, cfg.PublicHandshake = all.Registry(), 2, true
	if cfg.Signer == nil {
		cfg.Credential = message.BasicCredential([]byte("ann"))
		s, err := cfg.Suites.Suite(2)
		require.NoError(t, err)
		cfg.Signer, err = s.GenerateSigner()
		require.NoError(t, err)
	}
	m := &member{t: t, service: g.Service(server.Client("ann"))}
	m.group, err = mls.CreateGroup(t.Context(), time.Now(), cfg, []byte("g"))
	require.NoError(t, err)
	return m
}

// commit hands a commit in, and adopts it if it is taken.
func (m *member) commit(proposals ...message.Proposal) error {
	m.t.Helper()
	c, err := m.group.Commit(m.t.Context(), time.Now(), mls.CommitOptions{}, proposals...)
	require.NoError(m.t, err)
	info, err := c.GroupInfo(m.t.Context(), time.Now(), false)
	require.NoError(m.t, err)
	tree, err := c.RatchetTree()
	require.NoError(m.t, err)
	_, err = m.service.Submit(m.t.Context(), delivery.Submission{ID: rand.Text(), Commits: []delivery.Commit{{
		Group: "g", Epoch: m.group.Epoch(), Message: c.Message, GroupInfo: info, Tree: tree,
	}}})
	if err == nil {
		m.group, err = c.Adopt()
	}
	return err
}

// Groups that use proposals and components of the application's own pass a guard that was told of
// them, and only there. Extensions of its own are the members' affair.
func TestGuardKnowsTheApplication(t *testing.T) {
	custom := mls.Config{Proposals: []mls.CustomProposalType{{Type: 0xF001, NoPath: true}}}
	commit := func(flags ...string) error {
		m := begin(t, custom, flags...)
		require.NoError(t, m.commit())
		return m.commit(message.Custom{ProposalType: 0xF001, Data: []byte("proposal")})
	}
	var refusal *delivery.RefusalError
	require.ErrorAs(t, commit(), &refusal)
	require.ErrorIs(t, refusal, message.ErrUnsupported)
	require.NoError(t, commit("--proposal", "0xF002,0xF001:no-path"))

	component := mls.Config{Components: []mls.Component{{ID: 0x8001, Update: mls.ReplaceData}}}
	commit = func(flags ...string) error {
		m := begin(t, component, flags...)
		require.NoError(t, m.commit())
		return m.commit(message.AppDataUpdate{Component: 0x8001, Update: []byte("data")})
	}
	require.ErrorAs(t, commit(), &refusal)
	require.NoError(t, commit("--component", "0x8001:replace"))

	extended := begin(t, mls.Config{Extensions: []message.ExtensionType{0xF010}})
	require.NoError(t, extended.commit())
	require.NoError(t, extended.commit(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF010, Data: []byte("extension")}}}))
}

// authority makes a certificate of an authority, and one of a member below it.
func authority(t *testing.T, name string) (root []byte, member mls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "root"}, KeyUsage: x509.KeyUsageCertSign,
	}
	root, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parent, err := x509.ParseCertificate(root)
	require.NoError(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, &own.PublicKey, key)
	require.NoError(t, err)
	s, err := all.Registry().Suite(2)
	require.NoError(t, err)
	member.Signer, err = s.NewSigner(own)
	require.NoError(t, err)
	member.Credential, err = message.X509Credential([][]byte{der})
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), member
}

// With authorities, members are those that these have certified.
func TestGuardKnowsAuthorities(t *testing.T) {
	root, ann := authority(t, "ann")
	other, _ := authority(t, "ann")
	file, wrong := filepath.Join(t.TempDir(), "root.pem"), filepath.Join(t.TempDir(), "wrong.pem")
	require.NoError(t, os.WriteFile(file, root, 0o600))
	require.NoError(t, os.WriteFile(wrong, other, 0o600))
	require.NoError(t, begin(t, ann, "--x509", file).commit())
	require.ErrorIs(t, begin(t, ann, "--x509", wrong).commit(), message.ErrInvalid)
	require.ErrorIs(t, begin(t, mls.Config{}, "--x509", file).commit(), message.ErrInvalid)
	cfg, err := config(t, "--x509", file)
	require.NoError(t, err)
	name, err := cfg.NameOf(ann.Credential)
	require.NoError(t, err)
	require.Equal(t, "ann", name)
}

func TestFlagsOfTheGuard(t *testing.T) {
	f, err := parsed(t, "--limit-claims", "1h:3", "--limit-joins", "0", "--limit-stock", "7", "--max-message", "3KiB")
	require.NoError(t, err)
	want := defaultLimits()
	want.Claims, want.Joins, want.Stock = guard.Rate{Every: time.Hour, Burst: 3}, guard.Rate{}, 7
	require.Equal(t, want, f.limits)
	require.Equal(t, []int{3 << 10, 64 << 20}, []int{f.gate.MaxMessage, f.gate.MaxRequest})
	for _, wrong := range [][]string{
		{"--limit-claims", "1h"}, {"--limit-claims", "3"}, {"--limit-claims", "-1s:3"}, {"--limit-claims", "1s:0"},
		{"--max-message", "0"}, {"--max-message", "3KB"}, {"--max-message", "-1"}, {"--max-request", "9999999999TiB"},
	} {
		_, err := parsed(t, wrong...)
		require.Error(t, err, "%q", wrong)
	}
	for _, wrong := range [][]string{
		{"--proposal", "custom"}, {"--proposal", "0x10000"}, {"--proposal", "0xF001:maybe"}, {"--proposal", "0xF001 "}, {"--component", "1:x"},
		{"--policy", "no-such-profile"}, {"--joins", "friends"}, {"--x509", "no-such-file"}, {"--x509", "guarding_test.go"},
	} {
		_, err := config(t, wrong...)
		require.Error(t, err, "%q", wrong)
	}
}

func TestFlagsOfTheLimits(t *testing.T) {
	var l jetstream.Limits
	c := &cobra.Command{}
	addLimits(c, &l)
	require.Equal(t, "4GiB", c.Flags().Lookup("limit-stream").DefValue)
	require.NoError(t, c.ParseFlags([]string{"--limit-stream", "1536MiB", "--limit-objects", "0"}))
	require.Equal(t, jetstream.Limits{Stream: 3 << 29, Objects: -1, Bucket: 512 << 20}, l)
	require.Equal(t, "1536MiB", c.Flags().Lookup("limit-stream").Value.String())
	require.Equal(t, "0", c.Flags().Lookup("limit-objects").Value.String())
}
