package evidence

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// The references of a bill of cryptography to what is no algorithm.
const (
	refProgram  = "program"
	refProtocol = "protocol:MLS"
	refModule   = "module:Go Cryptographic Module"
)

// namespace is what the names of properties begin with.
const namespace = "mlsuite:"

// WriteCycloneDX writes the report as a bill of cryptography in CycloneDX 1.7, in JSON.
func (r *Report) WriteCycloneDX(w io.Writer) error {
	bom := r.bom()
	var b bytes.Buffer
	if err := encodeBOM(&b, bom); err != nil {
		return err
	}
	bom.SerialNumber = "urn:uuid:" + uuid(sha256.Sum256(b.Bytes()), "CycloneDX")
	return encodeBOM(w, bom)
}

func encodeBOM(w io.Writer, bom *cdx.BOM) error {
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom)
}

// bom returns the bill without its serial number.
func (r *Report) bom() *cdx.BOM {
	bom := cdx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_7, "http://cyclonedx.org/schema/bom-1.7.schema.json"
	bom.Metadata = &cdx.Metadata{
		Timestamp: r.at.Time().Format(time.RFC3339), // the judged day, so that the same report has the same bytes
		Component: r.programComponent(),
	}
	components := []cdx.Component{r.protocolComponent()}
	dependencies := []cdx.Dependency{r.programDependency(), {Ref: refProtocol, Dependencies: refs(r.top())}}
	for _, a := range r.assets {
		components = append(components, r.assetComponent(a))
		dependencies = append(dependencies, cdx.Dependency{Ref: a.ref, Dependencies: refs(a.parts)})
	}
	for _, l := range r.libraries() {
		components = append(components, libraryComponent(l))
		dependency := cdx.Dependency{Ref: libraryRef(l.pkg), Provides: refs(l.provides)}
		if r.onModule(l) {
			dependency.Dependencies = &[]string{refModule}
		}
		dependencies = append(dependencies, dependency)
	}
	components = append(components, cdx.Component{
		BOMRef: refModule, Type: cdx.ComponentTypeLibrary, Name: "Go Cryptographic Module", Version: r.program.Module,
		Description: r.program.moduleStatus(r.at), Properties: properties("status", r.program.moduleStatus(r.at)),
	})
	bom.Components = &components
	dependencies = append(dependencies, cdx.Dependency{Ref: refModule})
	for i, t := range r.tokens {
		components = append(components, cdx.Component{
			BOMRef: tokenRef(i), Type: cdx.ComponentTypeDevice, Name: t.Name, Description: "A module of its own that keeps signature keys",
			Properties: properties("status", t.String(), "verdict", t.verdict.String()),
		})
		dependencies = append(dependencies, cdx.Dependency{Ref: tokenRef(i)})
	}
	bom.Dependencies = &dependencies
	return bom
}

// onModule reports whether the module backs something that a package provides.
func (r *Report) onModule(l library) bool {
	for _, a := range l.provides {
		if r.inside(a) {
			return true
		}
	}
	return false
}

// top returns what the suites name, each once.
func (r *Report) top() []*asset {
	var all []*asset
	seen := map[*asset]bool{}
	for _, s := range r.Left() {
		for _, a := range r.named[s.Name] {
			if !seen[a] {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	return all
}

func (r *Report) programComponent() *cdx.Component {
	facts := []string{"policy", r.policy.Name()}
	for _, p := range r.policy.Profiles() {
		facts = append(facts, "profile", strings.TrimSpace(p.Name+" "+p.Digest+" "+p.Version))
	}
	for _, p := range r.policy.Parameters() {
		facts = append(facts, "parameter", p.Profile+":"+p.Name+"="+p.Value)
	}
	facts = append(facts, "at", r.at.String(), "module", "Go Cryptographic Module "+r.program.Module+": "+r.program.moduleStatus(r.at))
	for _, s := range r.suites {
		facts = append(facts, "verdict", s.title()+": "+s.Verdict.String())
	}
	facts = append(facts, r.program.buildFacts()...)
	return &cdx.Component{
		BOMRef: refProgram, Type: cdx.ComponentTypeApplication,
		Name: r.program.name(), Version: r.program.version(), Properties: properties(facts...),
	}
}

// name returns the path of the program's main package.
func (p Program) name() string {
	if p.Build == nil {
		return "program"
	}
	return cmp.Or(p.Build.Path, p.Build.Main.Path, "program")
}

func (p Program) version() string {
	if p.Build == nil {
		return ""
	}
	return p.Build.Main.Version
}

// buildFacts returns names and values of what the toolchain recorded of the build.
func (p Program) buildFacts() []string {
	var facts []string
	if p.Build != nil && p.Build.GoVersion != "" {
		facts = append(facts, "go", p.Build.GoVersion)
	}
	for _, key := range []string{"GOFIPS140", "-tags", "vcs.revision", "vcs.time", "vcs.modified"} {
		if value := p.setting(key); value != "" {
			facts = append(facts, "build "+key, value)
		}
	}
	return facts
}

func (r *Report) programDependency() cdx.Dependency {
	on := []string{}
	for _, l := range r.libraries() {
		on = append(on, libraryRef(l.pkg))
	}
	for i := range r.tokens {
		on = append(on, tokenRef(i))
	}
	return cdx.Dependency{Ref: refProgram, Dependencies: &on, Provides: &[]string{refProtocol}}
}

// protocolComponent is MLS, which CycloneDX has no type for, with the suites that are left.
func (r *Report) protocolComponent() cdx.Component {
	suites := []cdx.CipherSuite{}
	var facts []string
	for _, s := range r.Left() {
		algorithms := []cdx.BOMReference{}
		for _, a := range r.named[s.Name] {
			algorithms = append(algorithms, cdx.BOMReference(a.ref))
		}
		suites = append(suites, cdx.CipherSuite{
			Name: s.Name, Algorithms: &algorithms,
			Identifiers: &[]string{fmt.Sprintf("0x%02X", byte(s.ID>>8)), fmt.Sprintf("0x%02X", byte(s.ID))},
		})
		facts = append(facts, "suite", s.title()+": "+s.Verdict.String())
		for _, note := range s.Verdict.Notes {
			facts = append(facts, "note", s.ID.String()+" "+note)
		}
	}
	return cdx.Component{
		BOMRef: refProtocol, Type: cdx.ComponentTypeCryptographicAsset, Name: "MLS", Version: "1.0",
		Description: "Messaging Layer Security, RFC 9420",
		Properties:  properties(facts...),
		CryptoProperties: &cdx.CryptoProperties{
			AssetType:          cdx.CryptoAssetTypeProtocol,
			ProtocolProperties: &cdx.CryptoProtocolProperties{Type: cdx.CryptoProtocolTypeOther, Version: "1.0", CipherSuites: &suites},
		},
	}
}

func (r *Report) assetComponent(a *asset) cdx.Component {
	p := &cdx.CryptoAlgorithmProperties{
		Primitive: a.primitive, AlgorithmFamily: a.family, ParameterSetIdentifier: a.parameter, EllipticCurve: a.curve,
		ExecutionEnvironment: cdx.CryptoExecutionEnvironmentSoftwarePlainRAM,
		CertificationLevel:   &[]cdx.CryptoCertificationLevel{cdx.CryptoCertificationLevel(r.level(a))},
	}
	if a.primitive == cdx.CryptoPrimitiveAE && a.family == familyAES {
		p.Mode = cdx.CryptoAlgorithmModeGCM
	}
	if len(a.functions) > 0 {
		p.CryptoFunctions = &a.functions
	}
	if a.level > 0 {
		p.ClassicalSecurityLevel = &a.level
	}
	if a.category != noCategory {
		p.NistQuantumSecurityLevel = &a.category
	}
	facts := []string{"use", a.use, "standard", a.standard, "module", r.where(a)}
	for _, provider := range a.providers {
		facts = append(facts, "provider", provider.Package)
	}
	for _, remark := range r.remarks(a) {
		facts = append(facts, "remark", remark)
	}
	return cdx.Component{
		BOMRef: a.ref, Type: cdx.ComponentTypeCryptographicAsset, Name: a.name, Properties: properties(facts...),
		CryptoProperties: &cdx.CryptoProperties{AssetType: cdx.CryptoAssetTypeAlgorithm, AlgorithmProperties: p, OID: a.oid},
	}
}

func tokenRef(i int) string { return fmt.Sprint("token:", i+1) }

func libraryRef(pkg string) string { return "package:" + pkg }

func libraryComponent(l library) cdx.Component {
	c := cdx.Component{BOMRef: libraryRef(l.pkg), Type: cdx.ComponentTypeLibrary, Name: l.pkg, Version: l.version}
	if l.module != "" && !l.local {
		c.PackageURL = "pkg:golang/" + l.module
		if l.version != "" {
			c.PackageURL += "@" + strings.NewReplacer("+", "%2B", "(", "%28", ")", "%29").Replace(l.version)
		}
		if l.below != "" {
			c.PackageURL += "#" + l.below
		}
	}
	return c
}

// properties returns pairs of names and values, without those of an empty value.
func properties(pairs ...string) *[]cdx.Property {
	all := []cdx.Property{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, cdx.Property{Name: namespace + pairs[i], Value: pairs[i+1]})
		}
	}
	return &all
}

// refs returns the references of assets, or nil for none.
func refs(assets []*asset) *[]string {
	if len(assets) == 0 {
		return nil
	}
	all := make([]string, len(assets))
	for i, a := range assets {
		all[i] = a.ref
	}
	return &all
}
