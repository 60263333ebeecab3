package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// ParseSubject returns the subject of a question that is no suite, from the words of the
// format: "credential" with a type such as "x509" or "0xF001", "lifetime" with a duration
// such as "90d", "psk" with a type and a number of bytes such as "external:32", "component" with
// a code point and a proposal such as "0x8001:app_data_update", "token" with
// a name and the number of a certificate, or none, such as "Box 3:4962", "member" with a view and
// a number of leaves, such as "partial:100000", or "wire-format" with "public" or "private".
func ParseSubject(kind, text string) (any, error) {
	switch kind {
	case "credential":
		return parseCredentialType(text)
	case "lifetime":
		n, err := parseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		return message.Lifetime{NotAfter: uint64(n)}, nil
	case "psk":
		name, digits, _ := strings.Cut(text, ":")
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || !slices.Contains(pskTypes(), name) {
			return nil, fmt.Errorf("policy: %q is no pre-shared key, such as external:32", text)
		}
		return suite.PSKInfo{Type: name, Length: int(n)}, nil
	case "component":
		code, proposal, _ := strings.Cut(text, ":")
		id, ok := parseCodePoint(code)
		if !ok || !slices.Contains(componentProposals(), proposal) {
			return nil, fmt.Errorf("policy: %q is no proposal for a component, such as 0x8001:app_data_update", text)
		}
		return suite.ComponentInfo{ID: id, Proposal: proposal}, nil
	case "token":
		name, number := text, ""
		if i := strings.LastIndexByte(text, ':'); i >= 0 {
			name, number = text[:i], text[i+1:]
		}
		if name == "" {
			return nil, fmt.Errorf("policy: %q is no token, such as \"Box 3:4962\"", text)
		}
		return suite.Token{Name: name, Certificate: number}, nil
	case "member":
		view, digits, _ := strings.Cut(text, ":")
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || view != suite.ViewFull && view != suite.ViewPartial {
			return nil, fmt.Errorf("policy: %q is no member, such as partial:100000", text)
		}
		return suite.MemberInfo{View: view, Leaves: uint32(n)}, nil
	case "wire-format":
		switch text {
		case "public":
			return message.WireFormatPublicMessage, nil
		case "private":
			return message.WireFormatPrivateMessage, nil
		}
		return nil, fmt.Errorf("policy: %q is no wire format: public or private", text)
	}
	return nil, fmt.Errorf("policy: unknown kind of subject %q: credential, lifetime, psk, component, token, member or wire-format", kind)
}

func parseCredentialType(text string) (any, error) {
	switch text {
	case "basic":
		return message.CredentialBasic, nil
	case "x509":
		return message.CredentialX509, nil
	}
	n, ok := parseCodePoint(text)
	if !ok {
		return nil, fmt.Errorf("policy: %q is no type of credential: basic, x509 or a code point such as 0xF001", text)
	}
	return message.CredentialType(n), nil
}

func parseCodePoint(text string) (uint16, bool) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 16)
	return uint16(n), ok && err == nil
}
