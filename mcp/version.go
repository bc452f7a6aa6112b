package mcp

import "strings"

// Version is a revision of the MCP specification. The zero value is no revision. Versions are
// ordered: a later revision is the larger number.
type Version uint8

// The revisions of the specification that mcploop speaks.
const (
	NoVersion Version = iota
	V20241105
	V20250326
	V20250618
	V20251125
	V20260728

	versionCount
)

// LatestLegacy is what initialize answers when it is asked for a revision that has no
// initialize (2025-11-25, basic/lifecycle, version negotiation).
const LatestLegacy = V20251125

// LatestModern is the newest revision without sessions.
const LatestModern = V20260728

var versionNames = [versionCount]string{
	"", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28",
}

// String returns the revision's date, or "" for NoVersion.
func (v Version) String() string {
	if v >= versionCount {
		return ""
	}
	return versionNames[v]
}

// Modern tells whether v has no sessions: every request carries its own version, capabilities
// and identity (2026-07-28, basic/versioning).
func (v Version) Modern() bool { return v >= V20260728 }

// ParseVersion returns the revision named s, or NoVersion. It does not keep s.
func ParseVersion(s []byte) Version {
	for v := V20241105; v < versionCount; v++ {
		if string(s) == versionNames[v] {
			return v
		}
	}
	return NoVersion
}

// SupportedVersions returns the names of all revisions, newest first.
func SupportedVersions() []string {
	names := make([]string, 0, versionCount-1)
	for v := versionCount - 1; v > NoVersion; v-- {
		names = append(names, versionNames[v])
	}
	return names
}

// supportedJSON is the JSON array of SupportedVersions.
var supportedJSON = `["` + strings.Join(SupportedVersions(), `","`) + `"]`

// Era is the family of a revision: legacy ones shake hands and may have sessions, modern ones
// carry everything with each request.
type Era uint8

// The two eras of the protocol.
const (
	Legacy Era = iota
	Modern
)

// String returns "legacy" or "modern".
func (e Era) String() string {
	if e == Modern {
		return "modern"
	}
	return "legacy"
}
