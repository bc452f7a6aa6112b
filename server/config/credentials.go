package config

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Credentials are what an upstream is sent for whom.
type Credentials struct {
	Required bool              `yaml:"required"`
	Default  map[string]string `yaml:"default"`
	Users    map[string]User   `yaml:"users"`
}

// User is a client of ours; its name is its key.
type User struct {
	Token   string            `yaml:"token"`
	SHA256  string            `yaml:"sha256"`
	Headers map[string]string `yaml:"headers"`
}

// anyUser stands for the name of a user in the field table.
const anyUser = "USER"

// AuthorizationHash is that of the Authorization header by which u is known.
func (u *User) AuthorizationHash() [sha256.Size]byte {
	var sum [sha256.Size]byte
	if u.SHA256 == "" {
		return sha256.Sum256([]byte("Bearer " + u.Token))
	}
	_, _ = hex.Decode(sum[:], []byte(u.SHA256)) // check has passed it
	return sum
}

func credentialFields() []field {
	at := func(key string) string { return join(ofUpstream("credentials"), key) }
	user := func(key string) string { return at("users." + anyUser + "." + key) }
	return []field{
		{
			path: at("required"),
			doc:  "Calls of clients that are none of users are refused.",
		},
		{
			path: at("default"), unit: "name: value",
			doc: "Headers for clients that are none of users, beside those of headers or in " +
				"their place.",
		},
		{
			path: user("token"), unit: "text", hide: true,
			doc: "The client's bearer token for this server, by which it is known; ${VAR} keeps " +
				"it out of the file. It never goes to the upstream. Either this or sha256.",
		},
		{
			path: user("sha256"), unit: "64 hex digits", hide: true,
			doc: "SHA-256 of the client's Authorization header, such as of printf 'Bearer %s' " +
				"TOKEN.",
		},
		{
			path: user("headers"), unit: "name: value",
			doc: "Headers of this client's calls, beside those of headers or in their place.",
		},
	}
}

// check checks what one field's limits cannot say.
func (c *Credentials) check(at string, u *Upstream, report reportFunc) {
	at = join(at, "credentials")
	if len(c.Users) == 0 && c.Default == nil && !c.Required {
		return
	}
	kind := u.Kind()
	switch scheme, _, _ := strings.Cut(u.Target(), ":"); {
	case kind == "http" || kind == "openapi":
	case !slices.Contains([]string{"http", "https", "ws", "wss", "sse", "sses"}, scheme):
		report(at, "", "it goes with a url of http://, https://, ws://, wss://, sse:// or "+
			"sses://, http and openapi")
	case u.Share == shareCall:
		report(at, "", "with share: call instances are everybody's; write share: principal")
	case u.Share == shareAll && (!strings.HasPrefix(scheme, "http") || u.Era == "legacy"):
		report(at, "", "all clients share one session here; write share: principal beside it")
	}
	known := map[[sha256.Size]byte]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		user, at := c.Users[name], join(join(at, "users"), name)
		if (user.Token == "") == (user.SHA256 == "") {
			report(at, "", "write either token or sha256")
			continue
		}
		if sum, err := hex.DecodeString(user.SHA256); user.SHA256 != "" &&
			(err != nil || len(sum) != sha256.Size) {
			report(join(at, "sha256"), "", "write 64 hex digits")
			continue
		}
		sum := user.AuthorizationHash()
		if other, twice := known[sum]; twice {
			report(at, "", "it has the same token as "+other)
		}
		known[sum] = name
	}
}
