package mls

// storeAll stores the whole state of a group, and returns it.
func storeAll(g interface{ Save() (*Delta, error) }) (Snapshot, error) {
	d, err := g.Save()
	if err != nil {
		return nil, err
	}
	d.Stored()
	return Snapshot{}.Apply(d), nil
}

// storeDelta says of a group's Delta that it is stored, and returns it.
func storeDelta(g interface{ Delta() (*Delta, error) }) (*Delta, error) {
	d, err := g.Delta()
	if err == nil {
		d.Stored()
	}
	return d, err
}
