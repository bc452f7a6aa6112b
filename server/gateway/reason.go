package gateway

import (
	"errors"

	"github.com/mcploop/mcploop/client"
)

// reasonOf is a word for what only somebody can mend who runs the upstream or this server: "tls_"
// and client.TLSError.Reason, or "login_required". "" for everything else.
func reasonOf(err error) string {
	var insecure *client.TLSError
	if errors.As(err, &insecure) {
		return "tls_" + insecure.Reason
	}
	if wantsLogin(err) {
		return "login_required"
	}
	return ""
}
