package result

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodesAreHexadecimal(t *testing.T) {
	text, err := json.Marshal(Cell{ID: 0xF002})
	require.NoError(t, err)
	require.Contains(t, string(text), `"id":"0xF002"`)
	var c Cell
	require.NoError(t, json.Unmarshal(text, &c))
	require.Equal(t, Code(0xF002), c.ID)
	require.Error(t, json.Unmarshal([]byte(`{"id":"0x10000"}`), &c))
	require.Error(t, json.Unmarshal([]byte(`{"id":"X-Wing"}`), &c))
}

func TestFindLooksInTheSameGroup(t *testing.T) {
	r := Results{Cells: []Cell{
		{ID: 1, GroupSize: 2, Tree: "steady", Op: "commit"}, {ID: 2, GroupSize: 2, Tree: "steady", Op: "join"},
		{ID: 1, GroupSize: 3, Tree: "steady", Op: "join"}, {ID: 1, GroupSize: 2, Tree: "blank", Op: "join"},
	}}
	_, found := r.Find(&r.Cells[0], "join")
	require.False(t, found)
	r.Cells = append(r.Cells, Cell{ID: 1, GroupSize: 2, Tree: "steady", Op: "join"})
	c, found := r.Find(&r.Cells[0], "join")
	require.True(t, found)
	require.Same(t, &r.Cells[4], c)
}
