package client

// InMemory returns the number of groups that are in memory or in use.
func (c *Client) InMemory() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.groups)
}
