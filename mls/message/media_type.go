package message

import "github.com/mlsuite/mlsuite/internal/wire"

// MediaType is an IANA media type with its parameters (draft-ietf-mls-extensions-10, Section
// 6.2). The names and values of parameters have none of the quoting of MIME headers.
//
//	struct {
//	    opaque type<V>;
//	    Parameter parameters<V>;
//	} MediaType;
type MediaType struct {
	Type       string // top-level type, slash, subtype
	Parameters []MediaParameter
}

// MediaParameter is a parameter of a media type.
//
//	struct {
//	    opaque parameter_name<V>;
//	    opaque parameter_value<V>;
//	} Parameter;
type MediaParameter struct {
	Name, Value string
}

// MediaTypeList is the data of the component content_media_types, which is not empty: in a
// leaf what a client can receive, in a GroupContext what every member has to
// (draft-ietf-mls-extensions-10, Section 6.2).
//
//	struct {
//	    MediaType media_type_list<V>;
//	} MediaTypeList;
type MediaTypeList []MediaType

// ApplicationFraming is the application data of a message in a group whose GroupContext has
// media types (draft-ietf-mls-extensions-10, Section 6.2.4). An empty type stands for the
// first of them.
//
//	struct {
//	    MediaType media_type;
//	    opaque inner_application_content<V>;
//	} ApplicationFraming;
type ApplicationFraming struct {
	MediaType MediaType
	Content   []byte
}

func (p *MediaParameter) marshal(w *wire.Writer) {
	w.String(p.Name)
	w.String(p.Value)
}

func (p *MediaParameter) unmarshal(r *wire.Reader) {
	p.Name, p.Value = readString(r), readString(r)
}

func (m *MediaType) marshal(w *wire.Writer) {
	w.String(m.Type)
	wire.WriteAll(w, m.Parameters, (*MediaParameter).marshal)
}

func (m *MediaType) unmarshal(r *wire.Reader) {
	m.Type = readString(r)
	m.Parameters = wire.ReadAll(r, (*MediaParameter).skip, (*MediaParameter).unmarshal)
}

// readString reads opaque<V> as a string, for whose memory it charges.
func readString(r *wire.Reader) (s string) {
	r.Lend(func() {
		b := r.Bytes()
		if r.Charge(len(b)) {
			s = string(b)
		}
	})
	return s
}

var errNoMediaTypes = wire.Malformed("list of media types is empty")

func (l *MediaTypeList) marshal(w *wire.Writer) {
	if len(*l) == 0 {
		w.Fail(errNoMediaTypes)
	}
	wire.WriteAll(w, *l, (*MediaType).marshal)
}

func (l *MediaTypeList) unmarshal(r *wire.Reader) {
	*l = wire.ReadAll(r, (*MediaType).skip, (*MediaType).unmarshal)
	if len(*l) == 0 {
		r.Fail(errNoMediaTypes)
	}
}

func (f *ApplicationFraming) marshal(w *wire.Writer) {
	f.MediaType.marshal(w)
	w.Bytes(f.Content)
}

func (f *ApplicationFraming) unmarshal(r *wire.Reader) {
	f.MediaType.unmarshal(r)
	f.Content = r.Bytes()
}
