package mls

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// The families of draft-ietf-mls-extensions-10, of which nobody else has vectors.
// testdata/README.md describes their formats.

// safeExporterCase is the exporter tree of an epoch.
type safeExporterCase struct {
	CipherSuite       suite.ID         `json:"cipher_suite"`
	EpochSecret       vectors.Hex      `json:"epoch_secret"`
	ApplicationExport vectors.Hex      `json:"application_export_secret"`
	Exported          []exportedVector `json:"exported"` // in the order in which they are taken
}

type exportedVector struct {
	Component message.ComponentID `json:"component_id"`
	Secret    vectors.Hex         `json:"secret"`
}

func TestVectorsSafeExporter(t *testing.T) {
	vectors.Own(t, vectors.ExtensionsPath("safe-exporter"), func(t *testing.T, c *safeExporterCase) {
		s := mlstest.Suite(t, c.CipherSuite)
		root, err := label.DeriveSecret(s, c.EpochSecret, "application_export")
		require.NoError(t, err)
		require.Equal(t, []byte(c.ApplicationExport), root)
		secrets, err := schedule.DeriveEpochSecrets(s, c.EpochSecret, true)
		require.NoError(t, err)
		require.Equal(t, root, secrets.ApplicationExport)
		tree := secrettree.NewExporter(s, secrets.TakeApplicationExport())
		for _, x := range c.Exported {
			require.Equal(t, []byte(x.Secret), exportedSecret(t, s, root, x.Component))
			secret, err := tree.Take(uint16(x.Component))
			require.NoError(t, err)
			require.Equal(t, []byte(x.Secret), secret)
			_, err = tree.Take(uint16(x.Component))
			require.ErrorIs(t, err, ErrConsumed)
		}
	})
}

// safeLabelsCase is a signature and a ciphertext for a component.
type safeLabelsCase struct {
	CipherSuite suite.ID            `json:"cipher_suite"`
	Component   message.ComponentID `json:"component_id"`
	Label       string              `json:"label"`
	Operation   vectors.Hex         `json:"component_operation_label"`
	Sign        struct {
		Priv      vectors.Hex `json:"priv"`
		Pub       vectors.Hex `json:"pub"`
		Content   vectors.Hex `json:"content"`
		Signature vectors.Hex `json:"signature"`
	} `json:"safe_sign_with_label"`
	Encrypt struct {
		Priv       vectors.Hex `json:"priv"`
		Pub        vectors.Hex `json:"pub"`
		Context    vectors.Hex `json:"context"`
		Plaintext  vectors.Hex `json:"plaintext"`
		KEMOutput  vectors.Hex `json:"kem_output"`
		Ciphertext vectors.Hex `json:"ciphertext"`
	} `json:"safe_encrypt_with_label"`
}

func TestVectorsSafeLabels(t *testing.T) {
	vectors.Own(t, vectors.ExtensionsPath("safe-labels"), func(t *testing.T, c *safeLabelsCase) {
		s := mlstest.Suite(t, c.CipherSuite)
		operation, err := label.Component(uint16(c.Component), c.Label)
		require.NoError(t, err)
		require.Equal(t, string(c.Operation), operation)

		signer, err := s.ParseSigner(c.Sign.Priv)
		require.NoError(t, err)
		require.Equal(t, []byte(c.Sign.Pub), signer.PublicKey())
		require.NoError(t, SafeVerifyWithLabel(s, c.Sign.Pub, c.Component, c.Label, c.Sign.Content, c.Sign.Signature))
		again, err := label.Sign(t.Context(), signer, operation, c.Sign.Content)
		require.NoError(t, err)
		require.NoError(t, SafeVerifyWithLabel(s, c.Sign.Pub, c.Component, c.Label, c.Sign.Content, again))

		e := &c.Encrypt
		private, err := s.ParsePrivateKey(e.Priv)
		require.NoError(t, err)
		key := ratchettree.NewPrivateKey(private)
		require.Equal(t, []byte(e.Pub), key.PublicKey())
		open := func(kem, ciphertext []byte) []byte {
			plaintext, err := safeOpen([]*ratchettree.PrivateKey{key}, e.Pub, c.Component, c.Label, e.Context, kem, ciphertext)
			require.NoError(t, err)
			return plaintext
		}
		require.Equal(t, []byte(e.Plaintext), open(e.KEMOutput, e.Ciphertext))
		kem, ciphertext, err := SafeEncryptWithLabel(s, e.Pub, c.Component, c.Label, e.Context, e.Plaintext)
		require.NoError(t, err)
		require.Equal(t, []byte(e.Plaintext), open(kem, ciphertext))
	})
}

// applicationPSKCase is a psk_secret of PSKs of components and of none.
type applicationPSKCase struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	PSKs        []struct {
		Type      uint8               `json:"psktype"` // 1 external, 3 application
		Component message.ComponentID `json:"component_id,omitempty"`
		ID        vectors.Hex         `json:"psk_id"`
		Nonce     vectors.Hex         `json:"psk_nonce"`
		Encoded   vectors.Hex         `json:"pre_shared_key_id"`
		PSK       vectors.Hex         `json:"psk"`
	} `json:"psks"`
	PSKSecret vectors.Hex `json:"psk_secret"`
}

func TestVectorsApplicationPSK(t *testing.T) {
	vectors.Own(t, vectors.ExtensionsPath("application-psk"), func(t *testing.T, c *applicationPSKCase) {
		var ids []message.PreSharedKeyID
		var psks [][]byte
		for _, k := range c.PSKs {
			id, err := message.Parse[message.PreSharedKeyID](k.Encoded)
			require.NoError(t, err)
			require.Equal(t, k.Component, id.Component)
			require.Equal(t, k.Type == 3, id.Component != 0)
			require.Equal(t, []byte(k.ID), id.ID)
			require.Equal(t, []byte(k.Nonce), id.Nonce)
			encoded, err := message.Marshal(id)
			require.NoError(t, err)
			require.Equal(t, []byte(k.Encoded), encoded)
			ids, psks = append(ids, *id), append(psks, k.PSK)
		}
		secret, err := schedule.PSKSecret(mlstest.Suite(t, c.CipherSuite), ids, psks)
		require.NoError(t, err)
		require.Equal(t, []byte(c.PSKSecret), secret)
	})
}

// structureCase is the encoding of a structure. A case without a value is malformed.
type structureCase struct {
	Structure string          `json:"structure"`
	Encoded   vectors.Hex     `json:"encoded"`
	Value     json.RawMessage `json:"value,omitempty"`
	Fault     string          `json:"fault,omitempty"`
}

func TestVectorsComponentStructures(t *testing.T) {
	vectors.Own(t, vectors.ExtensionsPath("component-structures"), func(t *testing.T, c *structureCase) {
		value, again, err := structureValue(c.Structure, c.Encoded)
		if c.Value == nil {
			require.ErrorIs(t, err, message.ErrMalformed)
			require.NotEmpty(t, c.Fault)
			return
		}
		require.NoError(t, err)
		require.Equal(t, []byte(c.Encoded), again)
		got, err := json.Marshal(value)
		require.NoError(t, err)
		require.Equal(t, string(c.Value), string(got))
	})
}

// structureValue parses a structure, and returns what the format of vectors writes for it,
// and its encoding again.
func structureValue(structure string, encoded []byte) (value any, again []byte, err error) {
	switch structure {
	case "AppDataDictionary":
		return valueOf(encoded, func(d *message.AppDataDictionary) any { return dataValues(*d) })
	case "SafeAAD":
		return valueOf(encoded, func(a *message.SafeAAD) any { return dataValues(*a) })
	case "ComponentsList":
		return valueOf(encoded, func(l *message.ComponentsList) any { return append([]message.ComponentID{}, *l...) })
	case "WireFormats":
		return valueOf(encoded, func(f *message.WireFormats) any { return append([]message.WireFormat{}, *f...) })
	case "MediaTypeList":
		return valueOf(encoded, func(l *message.MediaTypeList) any {
			all := []any{}
			for _, m := range *l {
				all = append(all, mediaTypeValue(m))
			}
			return all
		})
	case "ApplicationFraming":
		return valueOf(encoded, func(f *message.ApplicationFraming) any {
			return &struct {
				Type    any         `json:"media_type"`
				Content vectors.Hex `json:"inner_application_content"`
			}{mediaTypeValue(f.MediaType), f.Content}
		})
	case "AppAck":
		return valueOf(encoded, func(a *message.AppAck) any {
			all := []rangeValue{}
			for _, r := range *a {
				all = append(all, rangeValue{r.Sender, r.First, r.Last})
			}
			return all
		})
	case "Proposal":
		return valueOf(encoded, func(p *message.TypedProposal) any { return proposalValue(p.Proposal) })
	}
	panic("no structure " + structure)
}

func valueOf[T any, P interface {
	*T
	message.Structure
}](encoded []byte, view func(P) any) (any, []byte, error) {
	x, err := message.Parse[T, P](encoded)
	if err != nil {
		return nil, nil, err
	}
	again, err := message.Marshal(P(x))
	return view(x), again, err
}

type rangeValue struct {
	Sender message.LeafIndex `json:"sender"`
	First  uint32            `json:"first_generation"`
	Last   uint32            `json:"last_generation"`
}

type dataValue struct {
	Component message.ComponentID `json:"component_id"`
	Data      vectors.Hex         `json:"data"`
}

func dataValues(all []message.ComponentData) []dataValue {
	values := []dataValue{}
	for _, d := range all {
		values = append(values, dataValue{d.ID, d.Data})
	}
	return values
}

type parameterValue struct {
	Name  string `json:"parameter_name"`
	Value string `json:"parameter_value"`
}

func mediaTypeValue(m message.MediaType) any {
	value := struct {
		Type       string           `json:"type"`
		Parameters []parameterValue `json:"parameters"`
	}{m.Type, []parameterValue{}}
	for _, p := range m.Parameters {
		value.Parameters = append(value.Parameters, parameterValue{p.Name, p.Value})
	}
	return value
}

// proposalValue is a proposal of the draft. op and update are those of an app_data_update.
func proposalValue(p message.Proposal) any {
	type value struct {
		Type      message.ProposalType `json:"proposal_type"`
		Component message.ComponentID  `json:"component_id,omitempty"`
		Op        uint8                `json:"op,omitempty"`
		Update    *vectors.Hex         `json:"update,omitempty"`
		Data      *vectors.Hex         `json:"data,omitempty"`
	}
	hex := func(b []byte) *vectors.Hex { h := vectors.Hex(b); return &h }
	v := value{Type: message.TypeOf(p)}
	switch p := p.(type) {
	case message.AppDataUpdate:
		v.Component, v.Op = p.Component, 2
		if !p.Remove {
			v.Op, v.Update = 1, hex(p.Update)
		}
	case message.AppEphemeral:
		v.Component, v.Data = p.Component, hex(p.Data)
	}
	return v
}

// appDataCase is a commit of proposals that a member sends by value, and what it makes of
// the extensions of the GroupContext.
type appDataCase struct {
	Extensions vectors.Hex   `json:"extensions"` // vector of Extension
	Proposals  []vectors.Hex `json:"proposals"`
	After      *vectors.Hex  `json:"extensions_after"` // null: the commit is invalid
	Fault      string        `json:"fault,omitempty"`
}

// vectorComponents brings the components of the vectors: 0x8001 appends its updates, and
// refuses an update or ephemeral data that is "bad". The last update of 0x8002 replaces its
// data.
func vectorComponents(cfg *Config) {
	cfg.Components = []Component{journalComponent(), {ID: sealed, Update: ReplaceData}}
}

func TestVectorsAppDataUpdate(t *testing.T) {
	vectors.Own(t, vectors.ExtensionsPath("app-data-update"), func(t *testing.T, c *appDataCase) {
		groups, proposals := c.group(t)
		commit, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
		if c.After == nil {
			require.NotEmpty(t, c.Fault)
			requireBadProposals(t, err)
			forger := insider{t, groups[1]}
			forged := forger.commit(forgery{proposals: forger.byValue(proposals...), withPath: true})
			_, err := groups[0].Process(t.Context(), insiderTime, forged.message)
			requireBadProposals(t, err)
			return
		}
		require.NoError(t, err)
		follow(t, groups, 0, commit)
		for _, g := range groups {
			extensions := g.GroupContext().Extensions
			encoded, err := message.Marshal(&extensions)
			require.NoError(t, err)
			require.Equal(t, []byte(*c.After), encoded)
		}
	})
}

// requireBadProposals checks that a commit is refused for what its proposals say.
func requireBadProposals(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, message.ErrMalformed) {
		require.ErrorIs(t, err, message.ErrInvalid)
	}
	require.NotContains(t, err.Error(), "confirmation tag")
}

// group returns a group of two with the extensions of the case, and the proposals.
func (c *appDataCase) group(t *testing.T) ([]*Group, []message.Proposal) {
	extensions, err := message.Parse[message.Extensions](c.Extensions)
	require.NoError(t, err)
	cfg := client(t, 0x0001, "member 0", publicHandshake, vectorComponents)
	g, err := CreateGroup(t.Context(), insiderTime, cfg, nil, *extensions...)
	require.NoError(t, err)
	var proposals []message.Proposal
	for _, encoded := range c.Proposals {
		p, err := message.Parse[message.TypedProposal](encoded)
		require.NoError(t, err)
		proposals = append(proposals, p.Proposal)
	}
	return gather(t, g, 2, publicHandshake, vectorComponents), proposals
}

// componentClientCase is a client with components that joins a group and follows it without
// sending anything.
type componentClientCase struct {
	passiveClientCase
	ApplicationPSKs []applicationPSKVector `json:"application_psks"`
	JoinerData      vectors.Hex            `json:"joiner_data"` // AppDataDictionary in the Welcome's GroupInfo
	Epochs          []componentEpoch       `json:"epochs"`
}

type applicationPSKVector struct {
	Component message.ComponentID `json:"component_id"`
	ID        vectors.Hex         `json:"psk_id"`
	PSK       vectors.Hex         `json:"psk"`
}

type componentEpoch struct {
	passiveEpoch
	Extensions vectors.Hex               `json:"group_context_extensions"`
	Exported   []exportedVector          `json:"exported"`
	Messages   []applicationMessageValue `json:"messages"`
}

type applicationMessageValue struct {
	Message           vectors.Hex `json:"message"`
	AuthenticatedData vectors.Hex `json:"authenticated_data"` // SafeAAD
	ApplicationData   vectors.Hex `json:"application_data"`   // ApplicationFraming
}

// brings is what a client of the vectors brings to a group with components.
func (c *componentClientCase) brings(t testing.TB) func(*Config) {
	psks := componentPSKs{}
	for _, p := range c.ApplicationPSKs {
		psks[p.Component] = map[string][]byte{string(p.ID): p.PSK}
	}
	types := message.ComponentData{ID: message.CodePoints{}.Complete().ContentMediaTypes, Data: textPlain(t)}
	return func(cfg *Config) {
		cfg.PSKs = psks
		cfg.Components = []Component{journalComponent()}
		cfg.SelfRemove, cfg.SafeExporter = true, true
		cfg.LeafExtensions = message.Extensions{dictionary(t, types)}
	}
}

// textPlain is a MediaTypeList of text/plain alone.
func textPlain(t testing.TB) []byte {
	data, err := message.Marshal(&message.MediaTypeList{{Type: "text/plain"}})
	require.NoError(t, err)
	return data
}

func TestVectorsPassiveClientComponents(t *testing.T) {
	t.Parallel()
	vectors.Own(t, vectors.ExtensionsPath("passive-client-components"), func(t *testing.T, c *componentClientCase) {
		joined := c.joining(t, c.brings(t))
		require.Equal(t, []byte(c.JoinerData), marshalled(t, &joined.JoinerData))
		g, err := joined.Adopt()
		require.NoError(t, err)
		public := inPublic(t, g)
		tag, err := g.EpochAuthenticator()
		require.NoError(t, err)
		require.Equal(t, []byte(c.InitialEpochAuthenticator), tag)
		for i, e := range c.Epochs {
			for _, p := range e.Proposals {
				r, err := g.Process(t.Context(), vectorTime, p)
				require.NoError(t, err, "epoch %d", i)
				require.NotNil(t, r.Proposal)
				public = followInPublic(t, public, p)
			}
			r, err := g.Process(t.Context(), vectorTime, e.Commit)
			require.NoError(t, err, "epoch %d", i)
			g, err = r.Commit.Adopt()
			require.NoError(t, err)
			public = followInPublic(t, public, e.Commit)
			require.Equal(t, g.public.contextBytes, public.public.contextBytes, "epoch %d", i)
			require.Equal(t, e.epochOf(t, g), e.withoutMessages(), "epoch %d", i)
			for _, m := range e.Messages {
				r, err := g.Process(t.Context(), vectorTime, m.Message)
				require.NoError(t, err, "epoch %d", i)
				require.Equal(t, []byte(m.AuthenticatedData), r.Application.AuthenticatedData)
				require.Equal(t, []byte(m.ApplicationData), r.Application.Data)
			}
		}
	})
}

// epochOf returns what e says of the epoch of g: its authenticator, extensions and exported
// secrets.
func (e *componentEpoch) epochOf(t testing.TB, g *Group) componentEpoch {
	is := componentEpoch{passiveEpoch: e.passiveEpoch}
	var err error
	is.EpochAuthenticator, err = g.EpochAuthenticator()
	require.NoError(t, err)
	extensions := g.GroupContext().Extensions
	is.Extensions, err = message.Marshal(&extensions)
	require.NoError(t, err)
	for _, x := range e.Exported {
		is.Exported = append(is.Exported, exportedVector{x.Component, mustExport(t, g, x.Component)})
	}
	return is
}

func (e *componentEpoch) withoutMessages() componentEpoch {
	return componentEpoch{e.passiveEpoch, e.Extensions, slices.Clone(e.Exported), nil}
}
