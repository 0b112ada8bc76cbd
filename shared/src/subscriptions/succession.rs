//! Finds a licence's line, and moves the tenant along it. The rule is [`super::line`]'s; here are its writes.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{
    SubscriptionError,
    line::{LICENSES_MAX, Member, Move, due},
    rows::{self, Item, LineRow, attributes as a},
    settle::ROUNDS,
    store::{OF_ACCOUNT, Subscriptions, condition, one, text, versioned},
};
use crate::{
    clock::rfc3339,
    conditional::{TRIES, TransactionError, Unmet, transact},
    ids::TenantId,
    marketplace::{
        ids::{AccountId, AgreementId, LicenseArn},
        origin::Origin,
    },
};

/// A tenant that went on to another licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    /// Who.
    pub tenant: TenantId,
    /// The licence that was left.
    pub from: LicenseArn,
    /// The licence that the tenant is on now.
    pub to: LicenseArn,
}

/// A line's item, after a licence was written into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    pub(super) first: AgreementId,
    pub(super) row: LineRow,
}

/// A line as the table has it: its item, and its licences as far as anything was said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) row: LineRow,
    pub(super) members: Vec<Member>,
}

impl Line {
    pub(super) fn member(&self, license: &LicenseArn) -> Option<&Member> {
        self.members.iter().find(|member| member.row.license == *license)
    }

    /// The licence that the line's tenant is on.
    pub(super) fn home(&self) -> Option<&Member> {
        self.row.current.as_ref().and_then(|current| self.member(current)).filter(|home| home.has_tenant())
    }
}

impl Subscriptions {
    /// The first agreement of the chain that a licence's agreement is of: the name of its line. `None` before
    /// [`Self::enter`] has written the licence into it.
    ///
    /// # Errors
    /// When the table fails, or an item is malformed.
    pub async fn line_of(
        &self,
        license: &LicenseArn,
        agreement: &AgreementId,
    ) -> Result<Option<AgreementId>, SubscriptionError> {
        let Some(item) = self.item(rows::agreement_key(agreement)).await? else { return Ok(None) };
        Ok(self.entered(license, agreement, &item).await?.map(|entered| entered.first))
    }

    /// The line that a licence was written into, by its agreement's item.
    pub(super) async fn entered(
        &self,
        license: &LicenseArn,
        agreement: &AgreementId,
        item: &Item,
    ) -> Result<Option<Entered>, SubscriptionError> {
        let Some(first) = rows::first_agreement(item)? else { return Ok(None) };
        let row = if first == *agreement {
            LineRow::read(item)?
        } else {
            LineRow::read(&self.item(rows::agreement_key(&first)).await?.unwrap_or_default())?
        };
        Ok(row.licenses.contains(license).then_some(Entered { first, row }))
    }

    /// Writes a licence into the line of the chain that its agreement is of. It stays there, and whoever adds a fact
    /// to any licence of the line finds it.
    ///
    /// # Errors
    /// [`SubscriptionError::ForeignAccount`] when the agreement, its chain and `account`, whose the licence is, are not
    /// one account's; [`SubscriptionError::Malformed`] when the agreement was of another chain before, or the line is
    /// too long; or when the table fails.
    pub async fn enter(
        &self,
        license: &LicenseArn,
        account: &AccountId,
        agreement: &AgreementId,
        origin: &Origin,
    ) -> Result<Entered, SubscriptionError> {
        if origin.account != *account {
            return Err(SubscriptionError::ForeignAccount);
        }
        let first = &origin.first;
        let (set, condition_of_first) = if first == agreement {
            // One item says both.
            (format!(", {} = :first", a::FIRST_AGREEMENT), format!(" AND {}", of_chain()))
        } else {
            (String::new(), String::new())
        };
        let mut update = self
            .update(rows::agreement_key(first))
            .update_expression(format!(
                "ADD {licenses} :license SET {account} = :account{set} REMOVE {expires}",
                licenses = a::LINE_LICENSES,
                account = a::LINE_ACCOUNT,
                expires = a::EXPIRES_AT,
            ))
            .condition_expression(format!(
                "(attribute_not_exists({account}) OR {account} = :account) AND \
                 (attribute_not_exists({licenses}) OR contains({licenses}, :this) OR size({licenses}) < :max)\
                 {condition_of_first}",
                licenses = a::LINE_LICENSES,
                account = a::LINE_ACCOUNT,
            ))
            .expression_attribute_values(":license", AttributeValue::Ss(vec![license.to_string()]))
            .expression_attribute_values(":this", text(license.as_str()))
            .expression_attribute_values(":account", text(account.as_str()))
            .expression_attribute_values(":max", AttributeValue::N(LICENSES_MAX.to_string()))
            .return_values(ReturnValue::AllNew);
        if first == agreement {
            update = update.expression_attribute_values(":first", text(first.as_str()));
        }
        let row = match condition(update.send().await)? {
            Ok(reply) => LineRow::read(&reply.attributes.unwrap_or_default())?,
            Err(item) => {
                let is_of_another = rows::first_agreement(&item)?.is_some_and(|known| known != *first);
                return Err(match LineRow::read(&item)?.account {
                    Some(known) if known != *account => SubscriptionError::ForeignAccount,
                    _ if is_of_another => SubscriptionError::Malformed(a::FIRST_AGREEMENT),
                    _ => SubscriptionError::Malformed(a::LINE_LICENSES),
                });
            }
        };
        // Afterwards: whoever finds the chain here finds the licence in it.
        if first != agreement {
            let written = self
                .update(rows::agreement_key(agreement))
                .update_expression(format!("SET {} = :first", a::FIRST_AGREEMENT))
                .condition_expression(of_chain())
                .expression_attribute_values(":first", text(first.as_str()))
                .send()
                .await;
            if condition(written)?.is_err() {
                return Err(SubscriptionError::Malformed(a::FIRST_AGREEMENT));
            }
        }
        Ok(Entered { first: first.clone(), row })
    }

    /// Moves the line's tenant to the next licence, if that is due, and settles both. Repeating it changes nothing, and
    /// finishes what was interrupted.
    ///
    /// # Errors
    /// As [`Self::settle`]; [`SubscriptionError::TwoTenants`] when several licences of the line have tenants of their
    /// own, none of which is moved.
    pub async fn advance(
        &self,
        first: &AgreementId,
        now: SystemTime,
    ) -> Result<Option<Succession>, SubscriptionError> {
        for _ in 0..ROUNDS {
            let line = self.line(first).await?;
            let Some(current) = &line.row.current else { return Ok(None) };
            let Some(due) = due(&line.members, current) else {
                // Whoever moved last may have come no further.
                if let Some(from) = line.member(current).and_then(|home| home.row.came_from.as_ref()) {
                    self.settle(current, now).await?;
                    self.settle(from, now).await?;
                }
                return Ok(None);
            };
            if self.carry_over(first, &due).await? {
                let moved = Succession {
                    tenant: due.tenant,
                    from: due.from.license.clone(),
                    to: due.to.license.clone(),
                };
                // First, so that the tenant works on whatever fails next.
                self.settle(&moved.to, now).await?;
                self.settle(&moved.from, now).await?;
                return Ok(Some(moved));
            }
        }
        Err(SubscriptionError::Contended)
    }

    /// A line, its tenant's licence being named. A line that was begun before there were lines, or by a registration
    /// that did not know of it, is given the one licence that has a tenant.
    pub(super) async fn line(&self, first: &AgreementId) -> Result<Line, SubscriptionError> {
        let item = self.item(rows::agreement_key(first)).await?.unwrap_or_default();
        let mut row = LineRow::read(&item)?;
        let mut members = Vec::new();
        for license in &row.licenses {
            if let Some((row, end)) = self.read(license).await? {
                members.push(Member { row, end });
            }
        }
        let mut tenants =
            members.iter().filter(|member| member.has_tenant()).map(|member| &member.row.license);
        match (&row.current, tenants.next(), tenants.next()) {
            (_, Some(_), Some(_)) => return Err(SubscriptionError::TwoTenants),
            (None, Some(home), None) => {
                let home = home.clone();
                self.settle_in(first, &home).await?;
                row.current = Some(home);
            }
            _ => {}
        }
        Ok(Line { row, members })
    }

    /// Names the licence that a line's tenant is on, where none is named.
    async fn settle_in(&self, first: &AgreementId, home: &LicenseArn) -> Result<(), SubscriptionError> {
        let named = self
            .update(rows::agreement_key(first))
            .update_expression(format!("SET {} = :home", a::LINE_LICENSE))
            .condition_expression(format!("attribute_not_exists({0}) OR {0} = :home", a::LINE_LICENSE))
            .expression_attribute_values(":home", text(home.as_str()))
            .send()
            .await;
        match condition(named)? {
            Ok(_) => Ok(()),
            // Somebody else was there in this moment.
            Err(_) => Err(SubscriptionError::Contended),
        }
    }

    /// The move: line, old licence and new licence, all as they were read, or nothing. False: something has changed.
    async fn carry_over(&self, first: &AgreementId, due: &Move<'_>) -> Result<bool, SubscriptionError> {
        let Move { tenant, from, to, at, since } = due;
        let parts = vec![
            part(
                &self.table,
                rows::agreement_key(first),
                format!("SET {} = :to", a::LINE_LICENSE),
                Some(format!("{} = :from", a::LINE_LICENSE)),
                [(":to", text(to.license.as_str())), (":from", text(from.license.as_str()))],
            ),
            part(
                &self.table,
                rows::license_key(&from.license),
                versioned(&format!("SET {} = :to, {} = :at", a::MOVED_TO, a::MOVED_AT)),
                Some(format!("{} = :version AND attribute_not_exists({})", a::VERSION, a::MOVED_TO)),
                [
                    (":to", text(to.license.as_str())),
                    (":at", text(&rfc3339(*at))),
                    (":version", AttributeValue::N(from.version.to_string())),
                    (":one", one()),
                ],
            ),
            part(
                &self.table,
                rows::license_key(&to.license),
                versioned(&format!(
                    "SET {tenant} = :tenant, {since} = :since, {from} = :from, {turn} = :turn",
                    tenant = a::TENANT_ID,
                    since = a::REGISTERED_AT,
                    from = a::CAME_FROM,
                    turn = a::TURN,
                )),
                Some(format!(
                    "{} = :version AND {} = :account AND attribute_not_exists({})",
                    a::VERSION,
                    a::CUSTOMER_ACCOUNT,
                    a::TENANT_ID
                )),
                [
                    (":tenant", text(&tenant.to_string())),
                    (":since", text(&rfc3339(*since))),
                    (":from", text(from.license.as_str())),
                    (":turn", AttributeValue::N(from.turn.saturating_add(1).to_string())),
                    (":version", AttributeValue::N(to.version.to_string())),
                    (":account", text(from.account.as_str())),
                    (":one", one()),
                ],
            ),
        ];
        Ok(self.write_all(parts).await?.is_ok())
    }

    /// Gives a line its first tenant, or another one than that which was erased: `license`, which has none, as it is
    /// registered; and links its agreement, whose events may come before the licence's own. False: something has
    /// changed.
    pub(super) async fn open_line(
        &self,
        Entered { first, row }: &Entered,
        (license, account): (&LicenseArn, &AccountId),
        agreement: &AgreementId,
        (tenant, now): (TenantId, SystemTime),
    ) -> Result<bool, SubscriptionError> {
        let (is_as_read, before) = match &row.current {
            Some(before) => (format!("{} = :before", a::LINE_LICENSE), before),
            None => (format!("attribute_not_exists({0}) OR {0} = :before", a::LINE_LICENSE), license),
        };
        let named = format!("SET {} = :license", a::LINE_LICENSE);
        let linked = format!("ADD {} :linked REMOVE {}", a::LICENSES, a::EXPIRES_AT);
        let link = (":linked", AttributeValue::Ss(vec![license.to_string()]));
        let name = [(":license", text(license.as_str())), (":before", text(before.as_str()))];
        let registered = part(
            &self.table,
            rows::license_key(license),
            versioned(&format!(
                "SET {account} = :account, {tenant} = :tenant, {at} = :now, \
                 {agreement} = if_not_exists({agreement}, :agreement)",
                account = a::CUSTOMER_ACCOUNT,
                tenant = a::TENANT_ID,
                at = a::REGISTERED_AT,
                agreement = a::REGISTERED_AGREEMENT,
            )),
            Some(format!("{OF_ACCOUNT} AND attribute_not_exists({})", a::TENANT_ID)),
            [
                (":account", text(account.as_str())),
                (":tenant", text(&tenant.to_string())),
                (":now", text(&rfc3339(now))),
                (":agreement", text(agreement.as_str())),
                (":one", one()),
            ],
        );
        let line = rows::agreement_key(first);
        let parts = if first == agreement {
            // A transaction has no two parts for one item.
            let [license, before] = name;
            let both = [license, before, link];
            vec![registered, part(&self.table, line, format!("{named} {linked}"), Some(is_as_read), both)]
        } else {
            let of_agreement = rows::agreement_key(agreement);
            vec![
                registered,
                part(&self.table, line, named, Some(is_as_read), name),
                part(&self.table, of_agreement, linked, None, [link]),
            ]
        };
        match self.write_all(parts).await? {
            Ok(()) => Ok(true),
            Err(unmet) => match unmet.row(0).and_then(|row| row.get(a::CUSTOMER_ACCOUNT)) {
                Some(known) if *known != text(account.as_str()) => Err(SubscriptionError::ForeignAccount),
                _ => Ok(false),
            },
        }
    }

    async fn write_all(
        &self,
        parts: Vec<Result<TransactWriteItem, SubscriptionError>>,
    ) -> Result<Result<(), Unmet>, SubscriptionError> {
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        transact(&self.dynamodb, parts, TRIES).await.map_err(|error| match error {
            TransactionError::Contended => SubscriptionError::Contended,
            TransactionError::Store(error) => SubscriptionError::Store(error),
        })
    }
}

/// Holds for an agreement of which no chain is known yet, or `:first`'s.
fn of_chain() -> String {
    format!("(attribute_not_exists({0}) OR {0} = :first)", a::FIRST_AGREEMENT)
}

/// One part of a transaction.
fn part<const N: usize>(
    table: &str,
    key: rows::Item,
    update: String,
    condition: Option<String>,
    values: [(&str, AttributeValue); N],
) -> Result<TransactWriteItem, SubscriptionError> {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let known = condition.as_ref().map(|_| ReturnValuesOnConditionCheckFailure::AllOld);
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key))
        .update_expression(update)
        .set_condition_expression(condition)
        .set_expression_attribute_values(Some(values))
        .set_return_values_on_condition_check_failure(known)
        .build()
        .map_err(|_| SubscriptionError::Malformed("transaction"))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
