package wiretest

import (
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/message"
)

// componentData returns some entries of components, in the order of their IDs.
func (g *Generator) componentData() []message.ComponentData {
	all := []message.ComponentData{}
	for _, id := range sortedset.Of(codePoints[message.ComponentID](g)) {
		all = append(all, message.ComponentData{ID: id, Data: g.Bytes()})
	}
	return all
}

// AppDataDictionary returns a dictionary of some components.
func (g *Generator) AppDataDictionary() *message.AppDataDictionary {
	d := message.AppDataDictionary(g.componentData())
	return &d
}

// SafeAAD returns the items of some components.
func (g *Generator) SafeAAD() *message.SafeAAD {
	a := message.SafeAAD(g.componentData())
	return &a
}

// ComponentsList returns a list that names each component once.
func (g *Generator) ComponentsList() *message.ComponentsList {
	l := message.ComponentsList(sortedset.Of(codePoints[message.ComponentID](g)))
	if l == nil {
		l = message.ComponentsList{}
	}
	return &l
}

func (g *Generator) mediaType() message.MediaType {
	return message.MediaType{Type: string(g.Bytes()), Parameters: Some(g, func() message.MediaParameter {
		return message.MediaParameter{Name: string(g.Bytes()), Value: string(g.Bytes())}
	})}
}

// MediaTypeList returns at least one media type.
func (g *Generator) MediaTypeList() *message.MediaTypeList {
	l := message.MediaTypeList(append(Some(g, g.mediaType), g.mediaType()))
	return &l
}

// ApplicationFraming returns application data of a media type.
func (g *Generator) ApplicationFraming() *message.ApplicationFraming {
	return &message.ApplicationFraming{MediaType: g.mediaType(), Content: g.Bytes()}
}

// AppAck returns some ranges of messages.
func (g *Generator) AppAck() *message.AppAck {
	a := message.AppAck(Some(g, func() message.MessageRange {
		first := g.Uint32N(1 << 31)
		return message.MessageRange{Sender: g.LeafIndex(), First: first, Last: first + g.Uint32N(1<<31)}
	}))
	return &a
}

func (g *Generator) appDataUpdate() message.AppDataUpdate {
	u := message.AppDataUpdate{Component: message.ComponentID(g.Uint32()), Remove: g.Coin()}
	if !u.Remove {
		u.Update = g.Bytes()
	}
	return u
}
