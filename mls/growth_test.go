package mls

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// work is what a call does: operations of the suite, nodes of the tree that it touches,
// and bytes that it allocates. Each list that it copies or reads again is in the bytes.
type work struct{ size, operations, nodes, bytes int }

// grown is a group whose work is counted, with a list in a message that grows.
type grown struct {
	testing.TB
	groups []*Group
	ops    *operations
	nodes  *atomic.Int64
}

type grownPSKs struct{}

func (grownPSKs) ExternalPSK(context.Context, []byte) ([]byte, error) { return make([]byte, 32), nil }
func (grownPSKs) Group([]byte) *Group                                 { return nil }

const mostGrown = 512

// customCode returns one of the code points that members of a grown group support: the first of
// 4,096 without a GREASE value between.
func customCode(i int) uint16 { return 0x2A2B + uint16(i) }

func growGroup(t testing.TB, members, types int) *grown {
	w := &grown{t, nil, new(operations), new(atomic.Int64)}
	able := func(cfg *Config) {
		w.config(cfg)
		for i := range types {
			cfg.Extensions = append(cfg.Extensions, message.ExtensionType(customCode(i)))
			cfg.Proposals = append(cfg.Proposals, CustomProposalType{Type: message.ProposalType(customCode(i)), NoPath: true})
			cfg.Credentials = append(cfg.Credentials, message.CredentialType(customCode(i)))
		}
	}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", able), nil)
	require.NoError(t, err)
	g.public.tree.Visits = w.nodes
	w.groups = gather(t, g, members, able)
	for _, g := range w.groups {
		g.public.tree.Visits = w.nodes
	}
	return w
}

func (w *grown) config(cfg *Config) {
	cfg.Suites = w.ops.in(mlstest.AllSuites())
	cfg.PublicHandshake, cfg.PSKs = true, grownPSKs{}
	cfg.Limits.MaxProposals = 1 << 14
}

// counted returns the work of f for messages of size bytes.
func (w *grown) counted(size int, f func()) work {
	c := work{size: size}
	c.bytes = mlstest.LeastAllocated(func() {
		w.ops.symmetric.Store(0)
		w.ops.asymmetric.Store(0)
		w.nodes.Store(0)
		f()
		c.operations = max(c.operations, int(w.ops.symmetric.Load()+w.ops.asymmetric.Load()))
		c.nodes = int(w.nodes.Load())
	})
	return c
}

// commit returns the work of the committer, and of those who follow or refuse: the
// commit covers the pending proposals, and proposals by value. size is that of the
// pending ones, in bytes.
func (w *grown) commit(size int, proposals ...message.Proposal) map[string]work {
	all := map[string]work{}
	committer, member, public := w.groups[0], w.groups[2], inPublic(w, w.groups[2])
	var made *Candidate
	own := w.counted(size, func() {
		if made != nil {
			made.Discard()
		}
		var err error
		made, err = committer.Commit(w.Context(), insiderTime, CommitOptions{}, proposals...)
		require.NoError(w, err)
	})
	own.size += len(made.Message)
	all["committer"] = own
	all["member"] = w.counted(own.size, func() {
		r, err := member.Process(w.Context(), insiderTime, made.Message)
		require.NoError(w, err)
		r.Commit.Discard()
	})
	all["public group"] = w.counted(own.size, func() {
		_, err := public.Process(w.Context(), insiderTime, made.Message)
		require.NoError(w, err)
	})
	spoiled := w.spoiled(made.Message)
	all["member who refuses"] = w.counted(own.size, func() {
		_, err := member.Process(w.Context(), insiderTime, spoiled)
		require.ErrorContains(w, err, "confirmation tag does not match")
	})
	return all
}

// spoiled returns the committer's message with another confirmation tag, which its
// signature does not cover: all of the commit has to be followed to refuse it.
func (w *grown) spoiled(msg []byte) []byte {
	m := publicIn(w, msg)
	ac := &framing.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}
	ac.Auth.ConfirmationTag = mlstest.Flipped(ac.Auth.ConfirmationTag, 0)
	return insider{w, w.groups[0]}.seal(ac)
}

// pending sends proposals, and returns what commit does.
func (w *grown) pending(proposals ...message.Proposal) map[string]work {
	size := 0
	for _, p := range proposals {
		message, _ := insider{w, w.groups[1]}.propose(withDefaults(p, w.groups[1].public.suite, message.CodePoints{}))
		w.deliver(message)
		size += len(message)
	}
	return w.commit(size)
}

func (w *grown) deliver(message []byte) {
	for _, g := range []*Group{w.groups[0], w.groups[2]} {
		_, err := g.Process(w.Context(), insiderTime, message)
		require.NoError(w, err)
	}
}

func times[T any](n int, f func(i int) T) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = f(i)
	}
	return list
}

func (w *grown) add(i int, adjust ...func(*Config)) message.Proposal {
	return message.Add{KeyPackage: ownKeyPackage(w, 0x0001, fmt.Sprint(i), append([]func(*Config){w.config}, adjust...)...).KeyPackage}
}

func customExtensions(n int) []message.Extension {
	return times(n, func(i int) message.Extension {
		return message.Extension{Type: message.ExtensionType(customCode(i)), Data: []byte{1}}
	})
}

func codes[T ~uint16](n int) []T { return times(n, func(i int) T { return T(customCode(i)) }) }

func requiredCodes(t testing.TB, n int) message.Extension {
	data, err := message.Marshal(&message.RequiredCapabilities{
		Extensions: codes[message.ExtensionType](n), Proposals: codes[message.ProposalType](n), Credentials: codes[message.CredentialType](n),
	})
	require.NoError(t, err)
	return message.Extension{Type: message.ExtensionRequiredCapabilities, Data: data}
}

func (w *grown) senders(n int) message.Extension {
	senders := message.ExternalSenders(times(n, func(i int) message.ExternalSender {
		return message.ExternalSender{SignatureKey: w.groups[1].cfg.Signer.PublicKey(), Credential: message.BasicCredential(fmt.Append(nil, i))}
	}))
	data, err := message.Marshal(&senders)
	require.NoError(w, err)
	return message.Extension{Type: message.ExtensionExternalSenders, Data: data}
}

// growths are the lists that a message can hold, each of n elements.
var growths = []struct {
	name string
	n    int
	run  func(w *grown, n int) map[string]work
}{
	{"Adds", 32, func(w *grown, n int) map[string]work {
		return w.commit(0, times(n, func(i int) message.Proposal { return w.add(i) })...)
	}},
	{"Adds, pending", 32, func(w *grown, n int) map[string]work {
		return w.pending(times(n, func(i int) message.Proposal { return w.add(i) })...)
	}},
	{"Adds that lack what is required, pending", 16, func(w *grown, n int) map[string]work {
		v := growGroup(w, 3, 64*n)
		v.pending(times(n, func(i int) message.Proposal { return v.add(i) })...)
		size := 0
		for _, p := range v.groups[0].Proposals() {
			size += p.size
		}
		return v.commit(size, message.GroupContextExtensions{Extensions: message.Extensions{requiredCodes(v, 64*n)}})
	}},
	{"Adds of a type of credential each, pending", 8, func(w *grown, n int) map[string]work {
		return w.pending(times(n, func(i int) message.Proposal {
			return w.add(i, func(cfg *Config) {
				cfg.Credential.Type, cfg.Credentials = message.CredentialType(customCode(i)), codes[message.CredentialType](mostGrown)
			})
		})...)
	}},
	{"PSKs", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, times(n, func(i int) message.Proposal { return externalPSK(fmt.Sprint(i)) })...)
	}},
	{"PSKs, pending", 128, func(w *grown, n int) map[string]work {
		return w.pending(times(n, func(i int) message.Proposal { return externalPSK(fmt.Sprint(i)) })...)
	}},
	{"custom proposals of a type each", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, times(n, func(i int) message.Proposal { return message.Custom{ProposalType: message.ProposalType(customCode(i))} })...)
	}},
	{"custom proposals of a type each, pending", 128, func(w *grown, n int) map[string]work {
		return w.pending(times(n, func(i int) message.Proposal { return message.Custom{ProposalType: message.ProposalType(customCode(i))} })...)
	}},
	{"extensions of the group", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, message.GroupContextExtensions{Extensions: customExtensions(n)})
	}},
	{"extensions of the group, pending", 32, func(w *grown, n int) map[string]work {
		return w.pending(times(n, func(int) message.Proposal { return message.GroupContextExtensions{Extensions: customExtensions(n)} })...)
	}},
	{"required capabilities", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, message.GroupContextExtensions{Extensions: message.Extensions{requiredCodes(w, n)}})
	}},
	{"external senders", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, message.GroupContextExtensions{Extensions: message.Extensions{w.senders(n)}})
	}},
	{"capabilities and extensions of a leaf", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, w.add(0, func(cfg *Config) {
			cfg.Extensions, cfg.Credentials = codes[message.ExtensionType](n), codes[message.CredentialType](n)
			cfg.LeafExtensions = customExtensions(n)
		}))
	}},
	{"extensions of a KeyPackage", 128, func(w *grown, n int) map[string]work {
		cfg := client(w, 0x0001, "newcomer", w.config, func(cfg *Config) { cfg.Extensions = codes[message.ExtensionType](n) })
		k, err := NewKeyPackage(w.Context(), insiderTime, cfg, KeyPackageOptions{Extensions: customExtensions(n)})
		require.NoError(w, err)
		return w.commit(0, message.Add{KeyPackage: k.KeyPackage})
	}},
	{"extensions of a ReInit", 128, func(w *grown, n int) map[string]work {
		return w.commit(0, message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001, Extensions: customExtensions(n)})
	}},
	{"skipped generations", 64, func(w *grown, n int) map[string]work {
		size, last := 0, []byte(nil)
		for range n {
			b, err := w.groups[0].Encrypt(w.Context(), insiderTime, []byte("hello"), nil)
			require.NoError(w, err)
			size, last = size+len(b), b
		}
		garbage := mlstest.Flipped(last, len(last)-1)
		refuse := func() {
			_, err := w.groups[2].Process(w.Context(), insiderTime, garbage)
			require.Error(w, err)
		}
		return map[string]work{"member who refuses": w.counted(size, refuse)}
	}},
	{"members, removed and added again", 8, func(w *grown, n int) map[string]work {
		v := growGroup(w, n+3, mostGrown)
		populate(w, v.groups[:3])
		list := times(n, func(i int) message.Proposal { return message.Remove{Removed: message.LeafIndex(i + 3)} })
		return v.commit(0, append(list, times(n, func(i int) message.Proposal { return v.add(i) })...)...)
	}},
	{"members who lack a type each, removed", 16, func(w *grown, n int) map[string]work {
		adds := times(n, func(i int) message.Proposal { return w.add(i) })
		c, err := w.groups[0].Commit(w.Context(), insiderTime, CommitOptions{}, adds...)
		require.NoError(w, err)
		follow(w, w.groups, 0, c)
		list := times(n, func(i int) message.Proposal { return message.Remove{Removed: message.LeafIndex(i + 3)} })
		return w.commit(0, append(list, times(n, func(i int) message.Proposal { return message.Custom{ProposalType: message.ProposalType(customCode(i))} })...)...)
	}},
	{"certificates", 32, func(w *grown, n int) map[string]work {
		return w.commit(0, w.add(0, func(cfg *Config) {
			chain, err := certificateOf(cfg.Signer.PublicKey()).Certificates()
			require.NoError(w, err)
			cfg.Credential = certificates(slices.Repeat(chain, n)...)
		}))
	}},
	{"Updates, pending, and a path to unmerged leaves", 8, func(w *grown, n int) map[string]work {
		v := growGroup(w, n+3, mostGrown)
		size := 0
		for _, g := range v.groups[3:] {
			message, err := g.ProposeUpdate(w.Context(), insiderTime, LeafOptions{}, nil)
			require.NoError(w, err)
			v.deliver(message)
			size += len(message)
		}
		return v.commit(size)
	}},
	{"Welcome, joined", 16, func(w *grown, n int) map[string]work {
		k := ownKeyPackage(w, 0x0001, "joiner", w.config)
		c, err := w.groups[0].Commit(w.Context(), insiderTime, CommitOptions{},
			append(times(n, func(i int) message.Proposal { return w.add(i) }), message.Add{KeyPackage: k.KeyPackage})...)
		require.NoError(w, err)
		return map[string]work{"joiner": w.counted(len(c.Welcome), func() {
			joined, err := k.Join(w.Context(), insiderTime, c.Welcome, JoinOptions{})
			require.NoError(w, err)
			joined.Discard()
		})}
	}},
}

// What a message makes anybody do grows as its bytes do, whichever list in it grows: n and
// 4n elements, and half as much again for what is sorted or depends on the depth of a
// tree.
func TestGrowthIsLinear(t *testing.T) {
	if !allocated.Exact {
		t.Skip("the race detector allocates, and what the test counts is no matter of goroutines")
	}
	t.Logf("%-50s %-20s %18s %18s %14s %20s", "list of n, and 4n", "who", "bytes in", "operations", "nodes", "bytes allocated")
	for _, g := range growths {
		t.Run(g.name, func(t *testing.T) {
			few, many := g.run(growGroup(t, 3, mostGrown), g.n), g.run(growGroup(t, 3, mostGrown), 4*g.n)
			everyone := slices.Sorted(maps.Keys(few))
			require.NotEmpty(t, everyone)
			require.Equal(t, everyone, slices.Sorted(maps.Keys(many)))
			for _, who := range everyone {
				a, b := few[who], many[who]
				require.Positive(t, a.operations)
				t.Logf("%-50s %-20s %8d, %8d %8d, %8d %6d, %6d %9d, %9d", g.name, who, a.size, b.size,
					a.operations, b.operations, a.nodes, b.nodes, a.bytes, b.bytes)
				grows := 1.5 * max(4, float64(b.size)/float64(a.size))
				require.Positive(t, b.operations)
				require.LessOrEqual(t, float64(b.operations), grows*float64(a.operations), who)
				require.LessOrEqual(t, float64(b.nodes), grows*float64(a.nodes), who)
				require.LessOrEqual(t, float64(b.bytes), grows*float64(a.bytes), who)
			}
		})
	}
}

// What members have in common is found without a copy for each value.
func TestGrowthOfFeatures(t *testing.T) {
	merged := func(n int) int {
		even := times(n, func(i int) message.CredentialType { return message.CredentialType(2 * i) })
		odd := times(n, func(i int) message.CredentialType { return message.CredentialType(2*i + 1) })
		return mlstest.LeastAllocated(func() { require.Len(t, sortedset.Union(even, odd), 2*n) })
	}
	require.LessOrEqual(t, merged(4096), 6*(merged(1024)+1024))
}
