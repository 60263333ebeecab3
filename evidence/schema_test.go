package evidence

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// The schemas belong to others, and are not in the repository. MLSUITE_SCHEMAS is a folder with
// those of CycloneDX (bom-1.7, cryptography-defs, jsf-0.82 and spdx, each with .schema.json behind
// it, and .SNAPSHOT in between in some releases) and of OSCAL (oscal-component-definition_schema.json).
// .ci/run evidence fetches them.
const (
	cyclonedxSchema = "bom-1.7.schema.json"
	oscalSchema     = "oscal-component-definition_schema.json"
)

// schema compiles a schema of the folder. Without it, the test is skipped.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	dir := os.Getenv("MLSUITE_SCHEMAS")
	if dir == "" {
		t.Skip("MLSUITE_SCHEMAS names no folder with the schemas of CycloneDX and OSCAL (.ci/run evidence fetches them)")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	c.UseLoader(schemaFolder(dir))
	s, err := c.Compile("http://schemas/" + name)
	require.NoError(t, err)
	return s
}

// schemaFolder loads a schema by its file's name, whatever the address. The files of a snapshot
// have that in their names.
type schemaFolder string

func (dir schemaFolder) Load(url string) (any, error) {
	name := strings.Replace(url[strings.LastIndexByte(url, '/')+1:], ".SNAPSHOT.", ".", 1)
	file, err := os.Open(filepath.Join(string(dir), name))
	if os.IsNotExist(err) {
		file, err = os.Open(filepath.Join(string(dir), strings.Replace(name, ".schema.json", ".SNAPSHOT.schema.json", 1)))
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jsonschema.UnmarshalJSON(file)
}

// Under every profile, on the module and off it, what is written passes the official schema.
func TestFormsPassTheirSchemas(t *testing.T) {
	for form, name := range map[string]string{"cyclonedx": cyclonedxSchema, "oscal": oscalSchema} {
		t.Run(form, func(t *testing.T) {
			s := schema(t, name)
			hardware := on("v1.0.0", "on")
			hardware.Tokens = []suite.Token{{Name: "Box 3", Certificate: "4962"}, {Name: "Box 4"}}
			info := slices.Collect(everything().All())
			hardware.Pairs = []suite.PairInfo{{T: info[0], PQ: info[12]}}
			for _, profile := range policy.Builtin().Names() {
				for _, program := range []Program{hardware, {Module: "latest"}} {
					text := write(t, reportOn(t, program, "2026-11-28", profile).forms()[form])
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
					require.NoError(t, err)
					require.NoError(t, s.Validate(value), profile)
				}
			}

			// The schema is one that refuses something, behind its references too.
			wrong := map[string][2]string{"cyclonedx": {`"nist/P-384"`, `"nist/P-385"`}, "oscal": {`"name": "status"`, `"name": "no token"`}}[form]
			text := write(t, reportOn(t, on("v1.0.0", "on"), "2026-11-28", "cnsa-1.0").forms()[form])
			require.Contains(t, text, wrong[0])
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, wrong[0], wrong[1], 1)))
			require.NoError(t, err)
			require.Error(t, s.Validate(value))
		})
	}
}

// Where CycloneDX's own registry of algorithms lies beside the schemas, each family and curve of
// ours is in it.
func TestFamiliesAreInTheRegistry(t *testing.T) {
	schema(t, cyclonedxSchema)
	dir := os.Getenv("MLSUITE_SCHEMAS")
	var found string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if base := filepath.Base(path); strings.HasPrefix(base, "cryptography-defs.") && strings.HasSuffix(base, ".schema.json") {
			found = path
		}
		return err
	}))
	text, err := os.ReadFile(found)
	require.NoError(t, err)
	var defs struct {
		Definitions struct {
			Families struct{ Enum []string } `json:"algorithmFamiliesEnum"`
			Curves   struct{ Enum []string } `json:"ellipticCurvesEnum"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &defs))
	for _, a := range catalogue() {
		require.Contains(t, defs.Definitions.Families.Enum, a.family, a.name)
		if a.curve != "" {
			require.Contains(t, defs.Definitions.Curves.Enum, a.curve, a.name)
		}
	}
}
