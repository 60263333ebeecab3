package result

import (
	"encoding/json"
	"fmt"
	"io"
)

// Read reads results in their JSON form. It returns an error for another schema, for what
// is not one JSON value, and for what no run can have found: a group of fewer than 2 or more
// than [MaxMembers] members or of a suite that the results do not have, a cell or a suite that
// is there twice, and a number that is negative, above 1e30 or not within its interval.
func Read(from io.Reader) (*Results, error) {
	d := json.NewDecoder(from)
	var text json.RawMessage
	if err := d.Decode(&text); err != nil {
		return nil, fmt.Errorf("not results in JSON: %w", err)
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("not results in JSON: %w", err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("results of schema %d; this program reads schema %d", head.Schema, Schema)
	}
	var r Results
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("not results in JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("not results in JSON: there is more behind them")
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("no results of a run: %w", err)
	}
	return &r, nil
}
