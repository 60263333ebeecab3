package result

import (
	"encoding/json"
	"fmt"
	"io"
)

// Read reads results in their JSON form. It returns an error for another schema, and for
// what is not one JSON value.
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
	return &r, nil
}
