package mls_test

import (
	"crypto/rand"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// combinerCase is a client that joins a combined group by a pair of Welcomes and follows it
// without sending anything (package apq).
type combinerCase struct {
	TSuite     suite.ID    `json:"t_cipher_suite"`
	PQSuite    suite.ID    `json:"pq_cipher_suite"`
	Mode       apq.Mode    `json:"mode"`
	KeyPackage vectors.Hex `json:"key_package"` // APQMessagePair
	T          clientKeys  `json:"t"`
	PQ         clientKeys  `json:"pq"`
	Welcome    vectors.Hex `json:"welcome"` // APQMessagePair
	Initial    tags        `json:"initial_epoch_authenticators"`

	Epochs []combinerEpoch `json:"epochs"`
}

type combinerEpoch struct {
	Proposals      []vectors.Hex `json:"proposals"` // APQMessagePairs, or MLSMessages of the T group
	Commit         vectors.Hex   `json:"commit"`    // APQMessagePair of a FULL commit, or MLSMessage of the T group
	Full           bool          `json:"full"`
	Exporter       vectors.Hex   `json:"apq_exporter,omitempty"`
	PSKID          vectors.Hex   `json:"apq_psk_id,omitempty"`
	Info           vectors.Hex   `json:"apq_info"` // in both GroupContexts after the commit
	Authenticators tags          `json:"epoch_authenticators"`
}

// clientKeys are the private keys of a key package.
type clientKeys struct {
	SignaturePriv  vectors.Hex `json:"signature_priv"`
	EncryptionPriv vectors.Hex `json:"encryption_priv"`
	InitPriv       vectors.Hex `json:"init_priv"`
}

type tags struct {
	T  vectors.Hex `json:"t"`
	PQ vectors.Hex `json:"pq"`
}

func tagsOf(t *testing.T, g *apq.Group) tags {
	tag, err := g.T().EpochAuthenticator()
	require.NoError(t, err)
	pq, err := g.PQ().EpochAuthenticator()
	require.NoError(t, err)
	return tags{tag, pq}
}

// combinerVectorTime is when the clients live, whose key packages are always valid.
var combinerVectorTime = time.Unix(0, 0)

// config returns the Config of a client of the case, with new signers.
func (c *combinerCase) config(t *testing.T) apq.Config {
	name := make([]byte, 8)
	rand.Read(name)
	leg := func(id suite.ID) mls.Config {
		signer, err := mlstest.Suite(t, id).GenerateSigner()
		require.NoError(t, err)
		return mls.Config{
			Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential(name), Signer: signer,
			Lifetimes: mls.LifetimePolicy{Own: math.MaxInt64, MaxTotal: -1}, PublicHandshake: true,
		}
	}
	return apq.Config{T: leg(c.TSuite), PQ: leg(c.PQSuite), Mode: c.Mode}
}

// join makes the client from its private keys and lets it join.
func (c *combinerCase) join(t *testing.T) *apq.Group {
	pair, err := apq.ParseMessagePair(c.KeyPackage, message.CodePoints{})
	require.NoError(t, err)
	cfg := c.config(t)
	states := map[apq.Leg]mls.Snapshot{}
	for _, leg := range []struct {
		leg     apq.Leg
		cfg     *mls.Config
		keys    *clientKeys
		encoded []byte
	}{{apq.T, &cfg.T, &c.T, pair.T}, {apq.PQ, &cfg.PQ, &c.PQ, pair.PQ}} {
		m, err := message.Parse[message.Message](leg.encoded)
		require.NoError(t, err)
		s := mlstest.Suite(t, leg.cfg.Suite)
		leg.cfg.Credential = m.KeyPackage.LeafNode.Credential
		leg.cfg.Signer, err = s.ParseSigner(leg.keys.SignaturePriv)
		require.NoError(t, err)
		states[leg.leg], err = ownKeyPackageFrom(t, *leg.cfg, m.KeyPackage, leg.keys.InitPriv, leg.keys.EncryptionPriv).Save()
		require.NoError(t, err)
	}
	own, err := apq.RestoreKeyPackage(combinerVectorTime, cfg, states[apq.T], states[apq.PQ])
	require.NoError(t, err)
	joined, err := own.Join(t.Context(), combinerVectorTime, c.Welcome, apq.JoinOptions{})
	require.NoError(t, err)
	g, err := joined.Adopt()
	require.NoError(t, err)
	return g
}

// exporterOf returns the apq_exporter of a FULL commit, as a member sees it.
func exporterOf(t *testing.T, g *apq.Group, commit []byte) []byte {
	pair, err := apq.ParseMessagePair(commit, message.CodePoints{})
	require.NoError(t, err)
	r, err := g.PQ().Process(t.Context(), combinerVectorTime, pair.PQ)
	require.NoError(t, err)
	defer r.Commit.Discard()
	secret, err := r.Commit.SafeExportSecret((message.CodePoints{}).Complete().APQInfo)
	require.NoError(t, err)
	return secret
}

func TestVectorsAPQPassiveClient(t *testing.T) {
	vectors.Own(t, vectors.APQPath("apq-passive-client"), func(t *testing.T, c *combinerCase) {
		g := c.join(t)
		require.Equal(t, c.Initial, tagsOf(t, g))
		for i, e := range c.Epochs {
			for _, p := range e.Proposals {
				r, err := g.Process(t.Context(), combinerVectorTime, p)
				require.NoError(t, err, "epoch %d", i)
				require.NotNil(t, r.Proposal)
			}
			require.Equal(t, e.Full, apq.IsMessagePair(e.Commit, message.CodePoints{}))
			if e.Full {
				require.Equal(t, []byte(e.Exporter), exporterOf(t, g, e.Commit), "epoch %d", i)
			}
			r, err := g.Process(t.Context(), combinerVectorTime, e.Commit)
			require.NoError(t, err, "epoch %d", i)
			require.Equal(t, e.Full, r.Commit.Full())
			require.Equal(t, e.PSKID, pskIDOf(r.Commit), "epoch %d", i)
			g, err = r.Commit.Adopt()
			require.NoError(t, err)
			info, err := g.Info().Marshal()
			require.NoError(t, err)
			require.Equal(t, []byte(e.Info), info, "epoch %d", i)
			require.Equal(t, e.Authenticators, tagsOf(t, g), "epoch %d", i)
		}
	})
}

// pskIDOf returns the ID of the PQ group's pre-shared key in a commit, or nil.
func pskIDOf(c *apq.Candidate) vectors.Hex {
	for _, p := range c.T().Proposals() {
		if psk, ok := p.Proposal.(message.PreSharedKey); ok && psk.PSK.Component != 0 {
			return psk.PSK.ID
		}
	}
	return nil
}

// TestOwnVectorsOfCombiner keeps the vectors of clients of combined groups.
func TestOwnVectorsOfCombiner(t *testing.T) {
	vectors.Keep(t, vectors.APQPath("apq-passive-client"), func() []*combinerCase {
		cases := []*combinerCase{
			{TSuite: 0x0001, PQSuite: 0xF006}, {TSuite: 0x0002, PQSuite: 0xF007}, {TSuite: 0x0007, PQSuite: 0xF008},
			{TSuite: 0x0007, PQSuite: 0xF00B, Mode: apq.ConfidentialityAndAuthenticity},
			{TSuite: 0x0003, PQSuite: 0xF006}, {TSuite: 0x0004, PQSuite: 0xF008}, {TSuite: 0x0005, PQSuite: 0xF007},
			{TSuite: 0x0006, PQSuite: 0xF008}, {TSuite: 0x0001, PQSuite: 0xF00A, Mode: apq.ConfidentialityAndAuthenticity},
		}
		for i, c := range cases {
			(&combinerRecorder{t: t, c: c, short: i >= 3}).record() // the file is long enough
		}
		return cases
	})
}

// combinerRecorder records a case: a group that ann creates and bob and the passive client
// join.
type combinerRecorder struct {
	t         *testing.T
	c         *combinerCase
	short     bool // the case ends with the first FULL commit
	ann, bob  *apq.Group
	passive   *apq.Group
	proposals []vectors.Hex
}

func (r *combinerRecorder) keyPackage() *apq.OwnKeyPackage {
	k, err := apq.NewKeyPackage(r.t.Context(), combinerVectorTime, r.c.config(r.t), mls.KeyPackageOptions{})
	require.NoError(r.t, err)
	return k
}

func (r *combinerRecorder) add(k *apq.OwnKeyPackage) apq.CommitOptions {
	both, err := apq.ParseKeyPackages(k.Message, message.CodePoints{})
	require.NoError(r.t, err)
	return apq.CommitOptions{Add: []apq.KeyPackages{both}}
}

func (r *combinerRecorder) joined(k *apq.OwnKeyPackage, welcome []byte) *apq.Group {
	c, err := k.Join(r.t.Context(), combinerVectorTime, welcome, apq.JoinOptions{})
	require.NoError(r.t, err)
	g, err := c.Adopt()
	require.NoError(r.t, err)
	return g
}

func (r *combinerRecorder) made(g *apq.Group, options apq.CommitOptions) *apq.Candidate {
	c, err := g.Commit(r.t.Context(), combinerVectorTime, options)
	require.NoError(r.t, err)
	return c
}

// adopt lets everybody adopt a commit, which is c, of the member by. It records the epoch if
// the passive client is there.
func (r *combinerRecorder) adopt(by **apq.Group, c *apq.Candidate) {
	e := combinerEpoch{Proposals: r.proposals, Commit: c.Message, Full: c.Full(), PSKID: pskIDOf(c)}
	if c.Full() && r.passive != nil {
		e.Exporter = exporterOf(r.t, r.passive, c.Message)
	}
	for _, g := range []**apq.Group{&r.ann, &r.bob, &r.passive} {
		if *g == nil {
			continue
		}
		next := c
		if g != by {
			received, err := (*g).Process(r.t.Context(), combinerVectorTime, c.Message)
			require.NoError(r.t, err)
			next = received.Commit
		}
		adopted, err := next.Adopt()
		if next.Removed() {
			require.ErrorIs(r.t, err, mls.ErrRemoved)
			adopted = nil
		} else {
			require.NoError(r.t, err)
		}
		*g = adopted
	}
	if r.passive == nil {
		return
	}
	info, err := r.passive.Info().Marshal()
	require.NoError(r.t, err)
	e.Info, e.Authenticators = info, tagsOf(r.t, r.passive)
	r.c.Epochs, r.proposals = append(r.c.Epochs, e), nil
}

// propose lets everybody but its sender take up a proposal, for the next epoch.
func (r *combinerRecorder) propose(by *apq.Group, p []byte, err error) {
	require.NoError(r.t, err)
	for _, g := range []*apq.Group{r.ann, r.bob, r.passive} {
		if g != by {
			_, err := g.Process(r.t.Context(), combinerVectorTime, p)
			require.NoError(r.t, err)
		}
	}
	r.proposals = append(r.proposals, p)
}

func (r *combinerRecorder) record() {
	t, ctx, now := r.t, r.t.Context(), combinerVectorTime
	id := func() []byte {
		b := make([]byte, 16)
		rand.Read(b)
		return b
	}
	var err error
	r.ann, err = apq.Create(ctx, now, r.c.config(t), apq.CreateOptions{TGroupID: id(), PQGroupID: id()})
	require.NoError(t, err)
	k := r.keyPackage()
	c := r.made(r.ann, r.add(k))
	r.adopt(&r.ann, c)
	r.bob = r.joined(k, c.Welcome)
	k = r.keyPackage()
	c = r.made(r.bob, r.add(k))
	r.adopt(&r.bob, c)
	r.c.KeyPackage, r.c.Welcome = k.Message, c.Welcome
	r.c.T.InitPriv, r.c.T.EncryptionPriv, r.c.T.SignaturePriv = privateKeysOf(t, k.T)
	r.c.PQ.InitPriv, r.c.PQ.EncryptionPriv, r.c.PQ.SignaturePriv = privateKeysOf(t, k.PQ)
	r.passive = r.joined(k, c.Welcome)
	r.c.Initial = tagsOf(t, r.passive)

	r.adopt(&r.ann, r.made(r.ann, apq.CommitOptions{})) // PARTIAL
	r.adopt(&r.bob, r.made(r.bob, apq.CommitOptions{Full: true}))
	if r.short {
		return
	}
	p, err := r.bob.ProposeUpdate(ctx, now, apq.UpdateOptions{})
	r.propose(r.bob, p, err)
	r.adopt(&r.ann, r.made(r.ann, apq.CommitOptions{})) // PARTIAL, with an Update
	p, err = r.bob.ProposeUpdate(ctx, now, apq.UpdateOptions{Full: true})
	r.propose(r.bob, p, err)
	r.adopt(&r.ann, r.made(r.ann, r.add(r.keyPackage()))) // FULL, with a pair of Updates and an Add
	p, err = r.ann.ProposeRemove(ctx, now, r.bob.T().OwnLeaf())
	r.propose(r.ann, p, err)
	r.adopt(&r.ann, r.made(r.ann, apq.CommitOptions{})) // FULL, with a pair of Removes
	info, err := r.ann.GroupInfo(ctx, now, true)
	require.NoError(t, err)
	external, err := apq.ExternalJoin(ctx, now, r.c.config(t), info, apq.ExternalJoinOptions{})
	require.NoError(t, err)
	r.adopt(&r.bob, external)
}
