package registry

// Option chooses the post-quantum suites of [Parts.Registry].
type Option func(*options)

type options struct {
	points CodePoints
	peers  *PeerSet // instead of points
}

// WithCodePoints gives the draft's suites these code points in place of those of
// [PrivateUse]. Suites that points lacks are left out.
func WithCodePoints(points CodePoints) Option {
	return func(o *options) { o.points, o.peers = points, nil }
}

// WithPeerSet takes the post-quantum suites of a peer set in place of the draft's.
func WithPeerSet(peers PeerSet) Option {
	return func(o *options) { o.peers = &peers }
}

// Registry builds all suites of the parts: RFC 9420's first, then those of
// draft-ietf-mls-pq-ciphersuites-06, in the order of their documents. It returns an error if a
// part is missing, or if the code points collide or name unknown suites.
func (p Parts) Registry(opts ...Option) (*Registry, error) {
	o := options{points: PrivateUse()}
	for _, option := range opts {
		option(&o)
	}
	postQuantum, err := o.postQuantum()
	if err != nil {
		return nil, err
	}
	set, err := p.Build(append(RFC9420(), postQuantum...)...)
	if err != nil {
		return nil, err
	}
	return New(set)
}

// Must returns r, and panics if there is an error: for suites whose tables the program has.
func Must(r *Registry, err error) *Registry {
	if err != nil {
		panic(err)
	}
	return r
}

func (o options) postQuantum() ([]Definition, error) {
	if o.peers != nil {
		return o.peers.Definitions, nil
	}
	return PQDraft(o.points)
}
