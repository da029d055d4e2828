"""Source trees and configuration, searched for what will violate the policy."""
