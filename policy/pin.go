package policy

import (
	"cmp"
	"fmt"
)

// Pin demands one text of a profile, by the digest of its file.
type Pin struct {
	profile string // "" is the profile that is loaded
	digest  string
}

// WithDigest demands the digest of the profile that is loaded: "sha256:" and the SHA-256 of
// its file in lower-case hexadecimal, as [Profile] has it. It says nothing of the profiles
// that this one extends: see [WithDigestOf].
//
//	p, err := policy.Load("nist-curves", policy.WithDigest("sha256:..."))
func WithDigest(digest string) Pin { return Pin{digest: digest} }

// WithDigestOf demands the digest of a profile that the loaded one extends, directly or not.
func WithDigestOf(profile, digest string) Pin { return Pin{profile, digest} }

// DigestError says that a profile has another text than a [Pin] demands.
type DigestError struct {
	Profile string
	Found   string // the digest of the profile's file
	Wanted  string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("policy: the file of profile %s has the digest %s, and wanted is %q", e.Profile, e.Found, e.Wanted)
}

// checkPins refuses profiles, the last of which is loaded, unless each pin fits.
func checkPins(profiles []*profile, pins []Pin) error {
	for _, pin := range pins {
		name := cmp.Or(pin.profile, profiles[len(profiles)-1].name)
		pinned := false
		for _, p := range profiles {
			if p.name != name {
				continue
			}
			pinned = true
			if p.digest != pin.digest {
				return &DigestError{Profile: name, Found: p.digest, Wanted: pin.digest}
			}
		}
		if !pinned {
			return fmt.Errorf("policy: %s does not extend %s, whose digest is demanded", profiles[len(profiles)-1].name, name)
		}
	}
	return nil
}
