package gateway

// Borne is a Provider whose requests can have the headers of a client's own credentials: then
// Options.Credentials may be used with it.
type Borne interface {
	BearsHeaders()
}

// headersOf are those that a client's call of the provider has beside what all have, or in its
// place; an error refuses it.
func (u *Upstream) headersOf(c Caller) (map[string]string, error) {
	all := &u.opt.Credentials
	if !all.inUse() {
		return nil, nil // Fast path.
	}
	headers, found := u.borne[c.Owner(false)]
	switch {
	case found:
		return headers, nil
	case all.Required:
		return nil, u.Turned()
	}
	return all.Default, nil
}

// byPrincipal are the headers of each user.
func (c *Credentials) byPrincipal() map[string]map[string]string {
	all := make(map[string]map[string]string, len(c.Users))
	for _, user := range c.Users {
		all[user.Principal] = user.Headers
	}
	return all
}
